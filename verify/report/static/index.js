// Filters of the queue: verdict, rule and what it says, duplicates, text. Few rows are laid out at a time: thousands take seconds.
"use strict";
const filters = document.querySelector("[data-filters]");
const fields = filters.elements;
const table = document.querySelector(".queue");
const more = document.querySelector("[data-more]");
const CELLS = { fail: 5, lead: 6, warn: 7 };
const KINDS = ["fail", "lead", "warn", "unproven"];
const SHOWN_MAX = 200;
const said = (row, kind) => (kind in CELLS ? row.cells[CELLS[kind]].textContent : row.dataset.unproven).split(", ");
const number = (value) => value.toLocaleString("en");
let shownMax = SHOWN_MAX;
filters.hidden = false;
const entries = new Map([...table.tBodies[0].rows].map((row) => [row, {
  status: row.dataset.status,
  rules: Object.fromEntries(KINDS.map((kind) => [kind, new Set(said(row, kind))])),
  isDuplicate: row.cells[8].textContent !== "",
  text: row.textContent.toLowerCase(),
}]));

function filter() {
  const on = new Set([...filters.querySelectorAll("[name=status]:checked")].map((box) => box.value));
  const [rule, kind, text] = [fields.rule.value, fields.kind.value, fields.text.value.trim().toLowerCase()];
  const kinds = kind ? [kind] : KINDS;
  let found = 0;
  for (const row of table.tBodies[0].rows) {
    const entry = entries.get(row);
    const fits = on.has(entry.status) && entry.text.includes(text) && (!fields.duplicates.checked || entry.isDuplicate)
      && (rule ? kinds.some((one) => entry.rules[one].has(rule)) : !kind || !entry.rules[kind].has(""));
    const isShown = fits && found < shownMax;
    if (row.hidden === isShown) row.hidden = !isShown;
    found += fits;
  }
  const cut = found > shownMax ? `, the first ${number(shownMax)} of them shown` : "";
  filters.querySelector(".count").textContent = `${number(found)} of ${number(entries.size)} submissions${cut}`;
  more.hidden = found <= shownMax;
  more.textContent = `Show all ${number(found)}`;
}
function changed() {
  shownMax = SHOWN_MAX;
  filter();
}
let waiting;
filters.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(changed, 60); });
filters.addEventListener("submit", (event) => event.preventDefault());
table.addEventListener("sorted", filter);
more.addEventListener("click", () => { shownMax = Infinity; filter(); });
for (const button of document.querySelectorAll("button[data-rule]")) {
  button.addEventListener("click", () => {
    fields.rule.value = button.dataset.rule;
    changed();
    document.getElementById("queue").scrollIntoView();
    fields.rule.focus({ preventScroll: true });
  });
}
filter();
