// Value and cost at the end of each day.
(() => {
  "use strict";
  const box = document.getElementById("portfolio-chart");
  if (!box) return;
  lineChart({
    box,
    rows: document.getElementById("portfolio-table"),
    lines: (points, style) => [
      { ...filledLine(style), name: "Value", data: points.map((point) => Number(point.value)) },
      {
        name: "Cost",
        step: "end",
        data: points.map((point) => Number(point.cost)),
        symbolSize: 5,
        lineStyle: { color: style("--c-muted"), width: 1.5, type: "dashed" },
        itemStyle: { color: style("--c-muted") },
        emphasis: { lineStyle: { width: 1.5 } },
      },
    ],
    tooltip: (point, without) => `${point.valueText}\ncost ${point.costText}${point.flowsText ? `\nflows ${point.flowsText}` : ""}${without}\n${point.time}`,
    cells: (point) => [[point.time, ""], [point.valueText, "num"], [point.costText, "num"], [point.flowsText, "num"], [point.unpriced.join(", "), ""]],
    url: () => box.dataset.seriesUrl,
    topics: ["journal-entry", "refresh"],
    everyMs: 60000,
  });
})();
