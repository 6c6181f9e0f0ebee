"use strict";
(() => {
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
  const form = document.querySelector(".filters");
  const rows = [...document.querySelectorAll(".errors > li")];
  if (!form) return;
  form.hidden = false;
  const shown = form.querySelector("output");
  const filter = () => {
    const { label, kind, words } = form.elements;
    const wanted = words.value.trim().toLowerCase();
    let count = 0;
    for (const row of rows) {
      const fits =
        (!label.value || row.dataset.labels.split(" ").includes(label.value)) &&
        (!kind.value || row.dataset.kind === kind.value) &&
        (!wanted || row.querySelector("p").textContent.toLowerCase().includes(wanted));
      row.hidden = !fits;
      count += fits;
    }
    shown.value = `${count} of ${rows.length} sentences`;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
})();
