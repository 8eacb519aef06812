// A line over time with its table, which follows what is booked. The server sends exact decimals as text and the words for them; numbers made of
// them here only become pixels. A page says what is its own: `lines(points, style)`, `tooltip(point)`, `cells(point)` as [text, class], `url()`,
// and the topics on which it is read again.
"use strict";

globalThis.lineChart = ((say) => ({ box, rows, lines, tooltip, cells, url, topics, everyMs }) => {
  const chart = echarts.init(box, null, { renderer: "canvas" });
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "gray";
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let points = [];
  let said = say("reading"); // while there is nothing to draw

  const without = (point) => (point.unpriced.length ? `\n${say("without", { assets: point.unpriced.slice(0, 4).join(", ") })}` : "");

  const draw = () => {
    const muted = style("--c-muted");
    chart.setOption({
      animation: !calm.matches,
      animationDuration: 300,
      textStyle: { fontFamily: style("--tblr-font-sans-serif") },
      grid: { left: 12, right: 16, top: 18, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      title: points.length ? { show: false } : { show: true, text: said, left: "center", top: "middle", textStyle: { color: muted, fontSize: 13, fontWeight: 400 } },
      tooltip: {
        trigger: "axis",
        renderMode: "richText", // the other mode writes style attributes, which the page's policy forbids
        confine: true,
        backgroundColor: style("--c-card"),
        borderColor: style("--c-line"),
        borderWidth: 1,
        padding: [8, 10],
        axisPointer: { lineStyle: { color: style("--c-line"), type: "solid" } },
        textStyle: { color: style("--c-ink"), fontFamily: style("--tblr-font-sans-serif"), fontSize: 12, lineHeight: 18 },
        formatter: (items) => {
          const point = points[items[0].dataIndex];
          return point ? tooltip(point, without(point)) : "";
        },
      },
      xAxis: {
        type: "category",
        data: points.map((point) => point.tick),
        boundaryGap: false,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: muted, fontSize: 11, hideOverlap: true, interval: Math.max(Math.floor(points.length / (box.clientWidth < 500 ? 4 : 8)) - 1, 0) },
      },
      yAxis: {
        type: "value",
        scale: true,
        splitNumber: 3,
        axisLabel: { color: muted, fontSize: 11, formatter: (value) => new Intl.NumberFormat(pageNumbers.format, { notation: "compact", maximumFractionDigits: 2 }).format(value) },
        splitLine: { lineStyle: { color: style("--c-line-soft") } },
      },
      series: lines(points, style).map((line) => ({ type: "line", showSymbol: points.length === 1, ...line })),
    }, true);
  };

  const fillTable = () => {
    rows.replaceChildren(...points.toReversed().map((point) => {
      const row = document.createElement("tr");
      for (const [text, css] of cells(point)) {
        const cell = document.createElement("td");
        cell.textContent = text;
        cell.className = css;
        row.append(cell);
      }
      return row;
    }));
  };

  let reading = false;
  let asked = false; // while it was reading: what was chosen meanwhile is read as well
  const load = async () => {
    asked = reading;
    if (reading) return;
    reading = true;
    try {
      const answer = await fetch(url(), { headers: inPageNumbers({ Accept: "application/json", "HX-Request": "true" }) });
      if (!answer.ok) throw new Error(`answered ${answer.status}`);
      points = (await answer.json()).points;
      said = say("none");
      draw();
      fillTable();
    } catch { // what is drawn stays, and the live indicator says why
      if (points.length) return;
      said = say("failed");
      draw();
    } finally {
      reading = false;
      if (asked) load();
    }
  };

  let soon = 0;
  const reload = () => { soon ||= setTimeout(() => { soon = 0; load(); }, 1500); };
  for (const topic of topics) document.body.addEventListener(`coffer:${topic}`, reload);
  setInterval(reload, everyMs);
  new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
  new ResizeObserver(() => chart.resize()).observe(box);
  draw();
  load();
  return load;
})(wordsOf(document.currentScript));

// The line that stands for what is worth something, filled down to the axis.
globalThis.filledLine = (style) => ({
  symbolSize: 6,
  lineStyle: { color: style("--c-chart-line"), width: 2 },
  itemStyle: { color: style("--c-chart-line") },
  emphasis: { lineStyle: { width: 2 } },
  areaStyle: {
    color: { type: "linear", x: 0, y: 0, x2: 0, y2: 1, colorStops: [{ offset: 0, color: style("--c-chart-fill") }, { offset: 1, color: style("--c-chart-none") }] },
    origin: "start",
  },
});
