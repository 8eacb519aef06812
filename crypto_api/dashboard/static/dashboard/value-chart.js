// What something was worth, or how much of an asset was held.
(() => {
  "use strict";
  const box = document.getElementById("value-chart");
  if (!box) return;
  const load = lineChart({
    box,
    rows: document.getElementById("value-table"),
    lines: (points, style) => [{
      ...filledLine(style),
      step: box.dataset.steps === undefined ? false : "end", // a quantity stays what it is until the next booking
      data: points.map((point) => Number(point.value)),
    }],
    tooltip: (point, without) => `${point.text}\n${point.time}${without}`,
    cells: (point) => [[point.time, ""], [point.exact ?? point.text, "num"]],
    url: () => {
      const wanted = new URLSearchParams({ range: box.dataset.range });
      if (box.dataset.asset) wanted.set("asset", box.dataset.asset);
      return `${box.dataset.seriesUrl}?${wanted}`;
    },
    topics: ["journal-entry", "wallet", "refresh"],
    everyMs: 30000,
  });

  const choices = (chosen, key) => {
    const buttons = document.querySelectorAll(`button[data-${chosen}]`);
    for (const button of buttons) {
      button.addEventListener("click", () => {
        box.dataset[key] = button.dataset[chosen];
        for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
        load();
      });
    }
  };
  choices("range", "range");
  choices("series", "asset");
})();
