// Sorting and searching the table of columns. Without scripts the page is whole, in the order of the file.
"use strict";
const table = document.getElementById("columns");
const body = table.tBodies[0];
const cards = new Map([...document.querySelectorAll(".card")].map(card => [card.id.slice(1), card]));

function valueOf(cell) {
  return cell.dataset.value ?? cell.textContent;
}

function sort(head, position) {
  const isNumber = head.dataset.sort === "number";
  const wasFirst = head.getAttribute("aria-sort");
  // Numbers that are large are looked for more often than small ones; the running number and words count up.
  const first = isNumber && position > 0 ? "descending" : "ascending";
  const order = !wasFirst ? first : wasFirst === "ascending" ? "descending" : "ascending";
  const sign = order === "ascending" ? 1 : -1;
  const compare = isNumber
    ? (a, b) => Number(a) - Number(b)
    : new Intl.Collator(undefined, { numeric: true }).compare;
  const rows = [...body.rows].map(row => [valueOf(row.cells[position]), row]);
  rows.sort((a, b) => sign * compare(a[0], b[0]));
  body.append(...rows.map(([, row]) => row));
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order);
}

for (const [position, head] of [...table.tHead.rows[0].cells].entries()) {
  if (!head.dataset.sort) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  button.addEventListener("click", () => sort(head, position));
  head.append(button);
}

const form = document.createElement("div");
form.className = "search";
const input = document.createElement("input");
input.type = "search";
input.placeholder = "Search columns by name or type";
input.setAttribute("aria-label", input.placeholder);
const found = document.createElement("span");
found.className = "soft";
found.setAttribute("aria-live", "polite");
form.append(input, found);
table.parentNode.before(form);

const texts = [...body.rows].map(row => [`${row.cells[1].textContent} ${row.cells[2].textContent}`.toLowerCase(), row]);
input.addEventListener("input", () => {
  const wanted = input.value.trim().toLowerCase();
  let shown = 0;
  for (const [text, row] of texts) {
    const isHidden = !text.includes(wanted);
    row.hidden = isHidden;
    shown += isHidden ? 0 : 1;
    const card = cards.get(row.id.slice(1));
    if (card) card.hidden = isHidden;
  }
  found.textContent = wanted ? `${shown} of ${texts.length}` : "";
});
