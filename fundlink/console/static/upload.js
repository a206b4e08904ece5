// Files can be dropped on the form, and one that is too large is told before it is sent. Without this script the form works all the same.
"use strict";
for (const form of document.querySelectorAll("form[data-upload]")) {
  const zone = form.querySelector("[data-drop]"), input = form.querySelector("input[type=file]");
  const chosen = form.querySelector("[data-chosen]"), large = form.querySelector("[data-too-large]");
  const limit = Number(form.dataset.limit);
  const look = () => {
    const file = input.files[0];
    chosen.textContent = file ? file.name : "";
    large.hidden = !file || file.size <= limit;
    input.setCustomValidity(large.hidden ? "" : large.textContent);
  };
  input.addEventListener("change", look);
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) {
    zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.remove("over"); });
  }
  zone.addEventListener("drop", (event) => {
    if (event.dataTransfer && event.dataTransfer.files.length) {
      input.files = event.dataTransfer.files;
      look();
    }
  });
}
