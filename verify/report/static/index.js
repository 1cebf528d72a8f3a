// Filters of the queue: verdict, rule and what it says, duplicates, text.
"use strict";
const filters = document.querySelector("[data-filters]");
const fields = filters.elements;
const CELLS = { fail: 5, lead: 6, warn: 7 };
const KINDS = ["fail", "lead", "warn", "unproven"];
const said = (row, kind) => (kind in CELLS ? row.cells[CELLS[kind]].textContent : row.dataset.unproven).split(", ");
filters.hidden = false;
const entries = [...document.querySelectorAll(".queue tbody tr")].map((row) => ({
  row,
  status: row.dataset.status,
  rules: Object.fromEntries(KINDS.map((kind) => [kind, new Set(said(row, kind))])),
  isDuplicate: row.cells[8].textContent !== "",
  text: row.textContent.toLowerCase(),
}));

function filter() {
  const on = new Set([...filters.querySelectorAll("[name=status]:checked")].map((box) => box.value));
  const [rule, kind, text] = [fields.rule.value, fields.kind.value, fields.text.value.trim().toLowerCase()];
  const kinds = kind ? [kind] : KINDS;
  let shown = 0;
  for (const entry of entries) {
    const isShown = on.has(entry.status) && entry.text.includes(text) && (!fields.duplicates.checked || entry.isDuplicate)
      && (rule ? kinds.some((one) => entry.rules[one].has(rule)) : !kind || !entry.rules[kind].has(""));
    if (entry.row.hidden === isShown) entry.row.hidden = !isShown;
    shown += isShown;
  }
  filters.querySelector(".count").textContent = `${shown.toLocaleString("en")} of ${entries.length.toLocaleString("en")} shown`;
}
let waiting;
filters.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 60); });
filters.addEventListener("submit", (event) => event.preventDefault());
for (const button of document.querySelectorAll("button[data-rule]")) {
  button.addEventListener("click", () => {
    fields.rule.value = button.dataset.rule;
    filter();
    document.getElementById("queue").scrollIntoView();
    fields.rule.focus({ preventScroll: true });
  });
}
filter();
