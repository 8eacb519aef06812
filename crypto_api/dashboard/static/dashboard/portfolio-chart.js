// Value and cost at the end of each day. The server sends exact decimals as text and the words for them; numbers made of them here only become
// pixels.
(() => {
  "use strict";
  const box = document.getElementById("portfolio-chart");
  const rows = document.getElementById("portfolio-table");
  if (!box) return;
  const chart = echarts.init(box, null, { renderer: "canvas" });
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "gray";
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let points = [];

  const tooltip = (index) => {
    const point = points[index];
    if (!point) return "";
    const flows = point.flowsText ? `\nflows ${point.flowsText}` : "";
    const gaps = point.unpriced.length ? `\nwithout ${point.unpriced.slice(0, 4).join(", ")}` : "";
    return `${point.valueText}\ncost ${point.costText}${flows}${gaps}\n${point.time}`;
  };

  const draw = () => {
    const muted = style("--c-muted");
    const line = style("--c-chart-line");
    const single = points.length === 1;
    chart.setOption({
      animation: !calm.matches,
      animationDuration: 300,
      textStyle: { fontFamily: style("--tblr-font-sans-serif") },
      grid: { left: 12, right: 16, top: 18, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      title: points.length ? { show: false } : { show: true, text: "No bookings in this period", left: "center", top: "middle", textStyle: { color: muted, fontSize: 13, fontWeight: 400 } },
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
        formatter: (items) => tooltip(items[0].dataIndex),
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
        axisLabel: { color: muted, fontSize: 11, formatter: (value) => new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 2 }).format(value) },
        splitLine: { lineStyle: { color: style("--c-line-soft") } },
      },
      series: [
        {
          name: "Value",
          type: "line",
          data: points.map((point) => Number(point.value)),
          showSymbol: single,
          symbolSize: 6,
          lineStyle: { color: line, width: 2 },
          itemStyle: { color: line },
          emphasis: { lineStyle: { width: 2 } },
          areaStyle: { color: { type: "linear", x: 0, y: 0, x2: 0, y2: 1, colorStops: [{ offset: 0, color: style("--c-chart-fill") }, { offset: 1, color: style("--c-chart-none") }] }, origin: "start" },
        },
        {
          name: "Cost",
          type: "line",
          step: "end",
          data: points.map((point) => Number(point.cost)),
          showSymbol: single,
          symbolSize: 5,
          lineStyle: { color: muted, width: 1.5, type: "dashed" },
          itemStyle: { color: muted },
          emphasis: { lineStyle: { width: 1.5 } },
        },
      ],
    }, true);
  };

  const fillTable = () => {
    rows.replaceChildren(...points.toReversed().map((point) => {
      const row = document.createElement("tr");
      for (const [text, css] of [[point.time, ""], [point.valueText, "num"], [point.costText, "num"], [point.flowsText, "num"], [point.unpriced.join(", "), ""]]) {
        const cell = document.createElement("td");
        cell.textContent = text;
        cell.className = css;
        row.append(cell);
      }
      return row;
    }));
  };

  let reading = false;
  const load = async () => {
    if (reading) return;
    reading = true;
    try {
      const answer = await fetch(box.dataset.seriesUrl, { headers: { Accept: "application/json", "HX-Request": "true" } });
      if (!answer.ok) return;
      points = (await answer.json()).points;
      draw();
      fillTable();
    } catch { /* the server is away: what is drawn stays, and the live indicator says why */ } finally { reading = false; }
  };

  let soon = 0;
  const reload = () => { soon ||= setTimeout(() => { soon = 0; load(); }, 1500); };
  for (const topic of ["journal-entry", "refresh"]) document.body.addEventListener(`coffer:${topic}`, reload);
  setInterval(reload, 60000);
  new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
  new ResizeObserver(() => chart.resize()).observe(box);
  load();
})();
