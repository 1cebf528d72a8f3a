// Filters of the rules, one curve alone, links into folded parts, everything unfolded on paper.
"use strict";
const filters = document.querySelector("[data-filters]");
const rules = [...document.querySelectorAll(".rule")];
filters.hidden = false;

function filter() {
  const text = filters.elements.text.value.trim().toLowerCase();
  let shown = 0;
  for (const group of document.querySelectorAll(".group")) {
    const isOn = filters.elements[group.dataset.group].checked;
    let here = 0;
    for (const rule of group.querySelectorAll(".rule")) {
      rule.hidden = !isOn || !rule.textContent.toLowerCase().includes(text);
      here += !rule.hidden;
    }
    group.hidden = here === 0;
    if (group.tagName === "DETAILS" && text) group.open = true;
    shown += here;
  }
  filters.querySelector(".count").textContent = shown === rules.length ? "" : `${shown} of ${rules.length} shown`;
}
filters.addEventListener("input", filter);
filters.addEventListener("submit", (event) => event.preventDefault());
for (const button of filters.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () => document.querySelectorAll(".rule, details.group").forEach((part) => { part.open = button.dataset.open === "true"; }));
}

for (const root of document.querySelectorAll("[data-legend-root]")) {
  const buttons = [...root.querySelectorAll("button[data-series]")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const isOn = button.getAttribute("aria-pressed") !== "true";
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(isOn && other === button)));
      root.classList.toggle("alone", isOn);
      const number = buttons.indexOf(button);
      for (const mark of root.querySelectorAll("[data-series-number]")) {
        mark.classList.toggle("chosen", isOn && Number(mark.dataset.seriesNumber) === number);
      }
    });
  }
}

function reveal() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target; part; part = part.parentElement) {
    part.hidden = false;
    if (part.tagName === "DETAILS") part.open = true;
  }
  if (target) target.scrollIntoView();
}
addEventListener("hashchange", reveal);
if (location.hash) reveal();

let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((part) => { part.open = true; });
});
addEventListener("afterprint", () => folded.forEach((part) => { part.open = false; }));
