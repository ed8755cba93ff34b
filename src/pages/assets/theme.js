"use strict";
// Sets the chosen theme before anything is painted, so that no page flashes. Without a choice (or without
// this file) the system's preference holds. It stands in the head and blocks, so it does nothing else.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch (_) {
    // Storage is forbidden: the system's preference holds.
  }
})();
