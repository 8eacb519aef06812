// The value chart. The server sends exact decimals as text and the words for them; numbers made of them here only become pixels.
(() => {
  "use strict";
  const box = document.getElementById("value-chart");
  const rows = document.getElementById("value-table");
  if (!box) return;
  const chart = echarts.init(box, null, { renderer: "canvas" });
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "gray";
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let points = [];
  let said = "Reading…"; // while there is nothing to draw

  const tooltip = (index) => {
    const point = points[index];
    if (!point) return "";
    const gaps = point.unpriced.length ? `\nwithout ${point.unpriced.slice(0, 4).join(", ")}` : "";
    return `${point.text}\n${point.time}${gaps}`;
  };

  const draw = () => {
    const muted = style("--c-muted");
    const line = style("--c-chart-line");
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
      series: [{
        type: "line",
        step: box.dataset.steps === undefined ? false : "end", // a quantity stays what it is until the next booking
        data: points.map((point) => Number(point.value)),
        showSymbol: points.length === 1,
        symbolSize: 6,
        lineStyle: { color: line, width: 2 },
        itemStyle: { color: line },
        emphasis: { lineStyle: { width: 2 } },
        areaStyle: {
          color: { type: "linear", x: 0, y: 0, x2: 0, y2: 1, colorStops: [{ offset: 0, color: style("--c-chart-fill") }, { offset: 1, color: style("--c-chart-none") }] },
          origin: "start",
        },
      }],
    }, true);
  };

  const fillTable = () => {
    rows.replaceChildren(...points.toReversed().map((point) => {
      const row = document.createElement("tr");
      const time = document.createElement("td");
      const value = document.createElement("td");
      time.textContent = point.time;
      value.textContent = point.exact ?? point.text;
      value.className = "num";
      row.append(time, value);
      return row;
    }));
  };

  let reading = false;
  const load = async () => {
    if (reading) return;
    reading = true;
    try {
      const wanted = new URLSearchParams({ range: box.dataset.range });
      if (box.dataset.asset) wanted.set("asset", box.dataset.asset);
      const answer = await fetch(`${box.dataset.seriesUrl}?${wanted}`, { headers: { Accept: "application/json", "HX-Request": "true" } });
      if (!answer.ok) throw new Error(`answered ${answer.status}`);
      points = (await answer.json()).points;
      said = "No bookings in this period";
      draw();
      fillTable();
    } catch { // what is drawn stays, and the live indicator says why
      if (points.length) return;
      said = "It could not be read. It is tried again by itself.";
      draw();
    } finally { reading = false; }
  };

  for (const button of document.querySelectorAll("button[data-range]")) {
    button.addEventListener("click", () => {
      box.dataset.range = button.dataset.range;
      for (const other of document.querySelectorAll("button[data-range]")) other.setAttribute("aria-pressed", String(other === button));
      load();
    });
  }
  for (const button of document.querySelectorAll("button[data-series]")) {
    button.addEventListener("click", () => {
      box.dataset.asset = button.dataset.series;
      for (const other of document.querySelectorAll("button[data-series]")) other.setAttribute("aria-pressed", String(other === button));
      load();
    });
  }
  let soon = 0;
  const reload = () => { soon ||= setTimeout(() => { soon = 0; load(); }, 1500); };
  for (const topic of ["journal-entry", "wallet", "refresh"]) document.body.addEventListener(`coffer:${topic}`, reload);
  setInterval(reload, 30000);
  new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
  new ResizeObserver(() => chart.resize()).observe(box);
  draw();
  load();
})();
