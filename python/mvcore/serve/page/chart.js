// The value of the selection over time. ECharts draws places on the screen; the amounts beside them
// are the texts that came.

import { echarts } from "../vendor/echarts/index.js";
import { grouped, places, STEPS } from "./decimals.js";

const KEPT = 1_200; // points
const DRAW_EVERY = 250; // milliseconds

export class Chart {
  constructor(box) {
    this.box = box;
    this.chart = echarts.init(box, null, { renderer: "svg" });
    this.points = []; // [time, {measure: text}], or [time, null] for a gap
    this.measure = null;
    new ResizeObserver(() => this.chart.resize()).observe(box);
    this.chart.setOption({
      animation: false,
      grid: { left: 8, right: 16, top: 8, bottom: 4, containLabel: true },
      xAxis: { type: "time", splitLine: { show: false }, axisLabel: { hideOverlap: true }, min: "dataMin" },
      yAxis: { type: "value", min: 0, max: STEPS, interval: STEPS / 2, axisLabel: {} },
      tooltip: { trigger: "axis", renderMode: "richText" }, // HTML would stay in the page when hidden
      series: [{ type: "line", showSymbol: false, step: "end", data: [] }],
    });
  }

  clear() {
    this.points = [];
    this.chart.dispatchAction({ type: "hideTip" });
    this.draw();
  }

  /** The line ends at this time and goes on at the next point. */
  gap(time) {
    if (this.points.length && this.points.at(-1)[1]) this.add(null, time);
  }

  add(values, time = Date.now()) {
    this.points.push([time, values]);
    if (this.points.length > KEPT) this.points.shift();
    this.waiting ??= setTimeout(() => this.draw(), DRAW_EVERY);
  }

  show(measure) {
    this.measure = measure;
    this.draw();
  }

  colour(dark) {
    this.chart.setTheme(dark ? "dark" : "default");
    this.chart.setOption({ backgroundColor: "transparent" });
  }

  draw() {
    clearTimeout(this.waiting);
    this.waiting = undefined;
    const points = this.points.map(([time, values]) => [time, values?.[this.measure] ?? null]);
    const texts = points.map(([, text]) => text).filter((text) => text !== null);
    const now = points.at(-1)?.[1] ?? null;
    this.box.ariaLabel = `${this.measure} of the selection over time, ${now === null ? "not known now" : `now ${grouped(now)}`}`;
    if (!texts.length) {
      this.chart.setOption({ series: [{ data: [] }], yAxis: { axisLabel: { show: false } } });
      return;
    }
    const { places: heights, at } = places(texts);
    const flat = texts.every((text) => text === texts[0]);
    const label = (place) => (flat && place ? "" : grouped(at(place)));
    this.chart.setOption({
      yAxis: { axisLabel: { show: true, formatter: label } },
      tooltip: { formatter: ([of]) => `${of.axisValueLabel}\n${grouped(points[of.dataIndex][1] ?? "–")}` },
      series: [{ showSymbol: texts.length === 1,
        data: points.map(([time, text]) => [time, text === null ? null : heights.shift()]) }],
    });
  }
}
