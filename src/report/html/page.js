"use strict";
(() => {
  const root = document.documentElement;

  // Where a page may not remember anything, it still switches.
  const remember = (action) => { try { return action(localStorage); } catch { return null; } };
  const chosen = remember((store) => store.getItem("steadfast-theme"));
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  document.getElementById("theme").addEventListener("click", () => {
    const isDark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    remember((store) => store.setItem("steadfast-theme", root.dataset.theme));
  });

  for (const history of document.querySelectorAll(".history")) {
    const text = history.querySelector("input");
    const [who, kind] = history.querySelectorAll("select");
    const count = history.querySelector("output");
    const nothing = history.querySelector(".nothing");
    const list = history.querySelector(".entries");
    // Read once, when it is first needed: ten thousand rows take a moment.
    let rows = null;
    const read = () => Array.from(list.children, (row) => ({
      row,
      who: row.querySelector(".who").textContent,
      kind: row.querySelector(".kind").textContent,
      text: row.textContent.toLowerCase(),
    }));
    const filter = () => {
      rows ??= read();
      const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const one of rows) {
        const matches = (!who.value || one.who === who.value) && (!kind.value || one.kind === kind.value)
          && words.every((word) => one.text.includes(word));
        if (one.row.hidden === matches) one.row.hidden = !matches;
        shown += matches;
      }
      count.textContent = `${shown} of ${rows.length}`;
      nothing.hidden = shown > 0;
    };
    let due = 0;
    const soon = () => {
      cancelAnimationFrame(due);
      due = requestAnimationFrame(filter);
    };
    for (const control of [text, who, kind]) control.addEventListener("input", soon);
    history.reveal = () => {
      text.value = who.value = kind.value = "";
      filter();
    };
  }

  // A link from the diagram leads to its event even if that is filtered out.
  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target && target.hidden) {
      target.closest(".history").reveal();
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);
})();
