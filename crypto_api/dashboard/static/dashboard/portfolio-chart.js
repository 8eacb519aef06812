// Value and cost at the end of each day.
(() => {
  "use strict";
  const say = wordsOf(document.currentScript);
  const box = document.getElementById("portfolio-chart");
  if (!box) return;
  lineChart({
    box,
    rows: document.getElementById("portfolio-table"),
    lines: (points, style) => [
      { ...filledLine(style), name: say("value"), data: points.map((point) => Number(point.value)) },
      {
        name: say("cost"),
        step: "end",
        data: points.map((point) => Number(point.cost)),
        symbolSize: 5,
        lineStyle: { color: style("--c-muted"), width: 1.5, type: "dashed" },
        itemStyle: { color: style("--c-muted") },
        emphasis: { lineStyle: { width: 1.5 } },
      },
    ],
    tooltip: (point, without) => `${point.valueText}\n${say("cost_of", { amount: point.costText })}${point.flowsText ? `\n${say("flows", { amount: point.flowsText })}` : ""}${without}\n${point.time}`,
    cells: (point) => [[point.time, ""], [point.valueText, "num"], [point.costText, "num"], [point.flowsText, "num"], [point.unpriced.join(", "), ""]],
    url: () => box.dataset.seriesUrl,
    topics: ["journal-entry", "refresh"],
    everyMs: 60000,
  });
})();
