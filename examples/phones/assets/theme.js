// Before anything is drawn: the theme that was chosen, or none, so that the system's counts.
(() => {
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden; then the system's theme counts.
  }
})();
