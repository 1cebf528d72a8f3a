// Headers of sortable tables become buttons. Without script the tables stand as they are.
"use strict";
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const heads = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.value;
    return value === undefined ? cell.textContent.trim() : Number(value);
  };
  // What has no value ("–") stays at the end whichever way the rest is sorted.
  const isAbsent = (value) => value === "–" || value === "" || Number.isNaN(value);
  const order = new Intl.Collator("en", { numeric: true });
  const sort = (column) => {
    const down = heads[column].getAttribute("aria-sort") === "ascending";
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [key(row, column), row]);
    rows.sort(([a], [b]) => {
      if (isAbsent(a) || isAbsent(b)) return isAbsent(a) - isAbsent(b);
      const sign = typeof a === "number" && typeof b === "number" ? a - b : order.compare(a, b);
      return down ? -sign : sign;
    });
    body.append(...rows.map(([, row]) => row));
    heads.forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    table.dispatchEvent(new Event("sorted"));
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(column));
    head.append(button);
  });
}
