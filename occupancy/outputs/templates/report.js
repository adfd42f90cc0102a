
"use strict";
// The page's only script. Text of the user reaches the page through text nodes, never as markup.
document.documentElement.classList.add("js");
const D = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const overlay = $("overlay"), canvas = $("canvas");
const S = { layer: "psi", threshold: 0.5, site: null, region: null, zoom: 1, x: 0, y: 0 };
const BYTE = 250, FINE = 20;

// --- small helpers
function add(parent, tag, attributes, ...children) {
  const drawn = parent instanceof SVGElement;
  const node = drawn ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const name in attributes || {}) node.setAttribute(name, attributes[name]);
  for (const child of children) if (child !== null && child !== undefined) node.append(child);
  parent.append(node);
  return node;
}
const SVG = $("blank").namespaceURI;
function drawing(parent, attributes) {
  const node = document.createElementNS(SVG, "svg");
  for (const name in attributes) node.setAttribute(name, attributes[name]);
  parent.append(node);
  return node;
}
const percent = (v) => v === null || v === undefined ? "—" : v < 0.01 ? "<1%" : v > 0.99 ? ">99%" : Math.floor(100 * v + 0.5) + "%";
const range = (a, b) => {
  if (a === null || b === null) return "—";
  const low = percent(a).slice(0, -1), high = percent(b).slice(0, -1);
  return low === high ? low + "%" : low + "–" + high + "%";
};
const unpack = (text, Kind) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Kind(bytes.buffer);
};

// --- the packed cells
const C = D.cells;
let cells = null;
if (C) {
  const sizes = unpack(C.sizes, Uint16Array), flat = unpack(C.outlines, Int16Array), starts = [];
  let at = 0;
  for (const n of sizes) { starts.push(at); at += 2 * n; }
  cells = {
    n: C.n, sizes, flat, starts,
    outline: unpack(C.outline, C.wide ? Uint32Array : Uint16Array),
    x: unpack(C.x, Uint16Array), y: unpack(C.y, Uint16Array), owner: unpack(C.cell, Uint32Array),
    mean: unpack(C.mean, Uint8Array), width: unpack(C.width, Uint8Array), outside: unpack(C.outside, Uint8Array),
    quantiles: C.quantiles ? unpack(C.quantiles, Uint8Array) : null, levels: C.levels,
  };
}
const sites = D.sites;
const siteQuantiles = sites.quantiles ? unpack(sites.quantiles, Uint8Array) : null;
const canExceed = cells ? Boolean(cells.quantiles) : Boolean(siteQuantiles);

// Probability that psi exceeds t, from its quantiles: straight lines between them.
function exceedance(quantiles, levels, row, t) {
  const n = levels.length, first = row * n;
  if (quantiles[first] === 255) return null;
  let k = 0;
  while (k < n && quantiles[first + k] / BYTE < t) k++;
  if (k === 0) return t <= quantiles[first] / BYTE - 0.02 ? 1 : 1 - levels[0] / 2;
  if (k === n) return (1 - levels[n - 1]) / (t >= quantiles[first + n - 1] / BYTE + 0.02 ? 1e9 : 2);
  const a = quantiles[first + k - 1] / BYTE, b = quantiles[first + k] / BYTE;
  const part = b > a ? (t - a) / (b - a) : 0;
  return 1 - (levels[k - 1] + part * (levels[k] - levels[k - 1]));
}
const LAYERS = {
  psi: { name: "Occupancy ψ", ends: ["rarely present", "nearly always"], scale: D.psi },
  unc: { name: "Uncertainty", ends: ["well known", "poorly known"], scale: D.unc },
};
if (canExceed) LAYERS.exc = {
  name: "P(ψ > t)", ends: ["very unlikely", "very likely"],
  scale: { breaks: [0, 0.05, 0.33, 0.66, 0.95, 1], colours: [0, 2, 4, 6, 8].map((k) => D.psi.colours[k]), marks: [0, 2, 4, 6, 8].map((k) => D.psi.marks[k]) },
};
const byte = (v) => v === 255 ? null : v / BYTE;
function cellValue(k) {
  if (S.layer === "psi") return byte(cells.mean[k]);
  if (S.layer === "unc") return byte(cells.width[k]);
  return exceedance(cells.quantiles, cells.levels, k, S.threshold);
}
function siteValue(i) {
  if (S.layer === "psi") return sites.mean[i];
  if (S.layer === "unc") return sites.mean[i] === null ? null : sites.upper[i] - sites.lower[i];
  return siteQuantiles ? exceedance(siteQuantiles, sites.levels, i, S.threshold) : null;
}
const regionValue = (r) => S.layer === "psi" ? r.mean : S.layer === "unc" ? r.width : null;
function shade(v, of) {
  if (v === null || v === undefined) return null;
  const { breaks } = LAYERS[S.layer].scale;
  let k = breaks.length - 2;
  while (k > 0 && v < breaks[k]) k--;
  return of[k];
}
const colour = (v) => shade(v, LAYERS[S.layer].scale.colours);

// --- the map
const INK = "#1d2429", EDGE = "#3c474e";
const pen = canvas ? canvas.getContext("2d") : null;
const outlines = D.regions.map((r) => r.path ? new Path2D(r.path) : null);
const dot = () => (cells ? Math.min(D.dot, 4.4) : D.dot) * Math.pow(1 / S.zoom, 0.55);
const SMALLER = 0.74;  // a dot without a detection, to one with

function traceCell(k) {
  const o = cells.outline[k], start = cells.starts[o], x = cells.x[k], y = cells.y[k];
  for (let v = 0; v < cells.sizes[o]; v++) {
    const px = (x + cells.flat[start + 2 * v]) / FINE, py = (y + cells.flat[start + 2 * v + 1]) / FINE;
    if (v) pen.lineTo(px, py); else pen.moveTo(px, py);
  }
  pen.closePath();
}
function drawCells() {
  const groups = new Map();
  for (let k = 0; k < cells.owner.length; k++) {
    const c = colour(cellValue(cells.owner[k])) || "none";
    if (!groups.has(c)) groups.set(c, []);
    groups.get(c).push(k);
  }
  for (const [c, list] of groups) {
    pen.beginPath();
    for (const k of list) traceCell(k);
    pen.fillStyle = c === "none" ? "#fff" : c;
    pen.strokeStyle = c === "none" ? "#9aa5ab" : c;
    pen.lineWidth = 0.35;
    pen.fill();
    pen.stroke();
  }
  pen.save();
  pen.beginPath();
  let any = false;
  for (let k = 0; k < cells.owner.length; k++) if (cells.outside[cells.owner[k]]) { traceCell(k); any = true; }
  if (any) {
    pen.clip();
    pen.beginPath();
    const step = 4.2 / Math.sqrt(S.zoom), span = D.width + D.height;
    for (let d = 0; d < span; d += step) { pen.moveTo(d, 0); pen.lineTo(d - D.height, D.height); }
    // Ink with a pale casing: seen on the palest and on the darkest cells.
    for (const [line, width] of [["rgba(255,255,255,.55)", 1.7], ["rgba(29,36,41,.85)", 0.8]]) {
      pen.strokeStyle = line;
      pen.lineWidth = width / Math.sqrt(S.zoom);
      pen.stroke();
    }
  }
  pen.restore();
}
function drawRegions() {
  D.regions.forEach((r, k) => {
    if (!outlines[k]) return;
    // Paler than the dots on top, so that fills recede.
    const { scale } = LAYERS[S.layer], fills = sites.x ? scale.tints : scale.colours;
    pen.fillStyle = fills && shade(regionValue(r), fills) || "#fff";
    pen.fill(outlines[k]);
  });
}
function drawSites() {
  const r = dot(), z = 1 / S.zoom;
  const order = [...sites.id.keys()].sort((a, b) => sites.seen[a] - sites.seen[b]);
  for (const i of order) {
    if (!sites.x || sites.x[i] === null) continue;
    if (cells) drawEvidence(i, r, z); else drawValue(i, r);
  }
  pen.setLineDash([]);
}
const disc = (i, r) => { pen.beginPath(); pen.arc(sites.x[i], sites.y[i], r, 0, 7); };
function drawEvidence(i, r, z) {
  const seen = sites.seen[i];
  disc(i, seen === 2 ? r * 1.06 : r);
  if (seen === 0) {  // a pale casing, so that the dashes are seen on dark cells
    pen.setLineDash([]);
    pen.strokeStyle = "rgba(255,255,255,.75)";
    pen.lineWidth = 2.4 * z;
    pen.stroke();
  }
  pen.setLineDash(seen === 0 ? [2 * z, 1.6 * z] : []);
  if (seen > 0) { pen.fillStyle = seen === 2 ? INK : "#fff"; pen.fill(); }
  pen.strokeStyle = seen === 2 ? "#fff" : INK;
  pen.lineWidth = 1 * z;
  pen.stroke();
}
// A detection is a full dot with a mark that is seen on its colour; all dots have a white halo.
function drawValue(i, r) {
  const seen = sites.seen[i], v = siteValue(i), size = seen === 2 ? r : r * SMALLER;
  const path = (s) => {
    if (seen > 0) return disc(i, s);
    const x = sites.x[i], y = sites.y[i], d = s * 1.15;
    pen.beginPath();
    pen.moveTo(x, y - d); pen.lineTo(x + d, y); pen.lineTo(x, y + d); pen.lineTo(x - d, y);
    pen.closePath();
  };
  path(size + Math.min(0.24 * r, 1.4));
  pen.fillStyle = "#fff";
  pen.fill();
  path(size);
  pen.fillStyle = colour(v) || "#fff";
  pen.fill();
  pen.strokeStyle = EDGE;
  pen.lineWidth = 0.14 * r;
  pen.stroke();
  if (seen < 2) return;
  disc(i, 0.36 * r);
  pen.fillStyle = shade(v, LAYERS[S.layer].scale.marks) || INK;
  pen.fill();
}
function draw() {
  if (!canvas) return;
  const sharp = Math.max(1, Math.min(2, window.devicePixelRatio || 1)) * 1.4;
  canvas.width = D.width * sharp;
  canvas.height = D.height * sharp;
  pen.setTransform(sharp * S.zoom, 0, 0, sharp * S.zoom, -S.x * S.zoom * sharp, -S.y * S.zoom * sharp);
  pen.strokeStyle = "#b9c4ca";
  pen.lineWidth = 0.7 / S.zoom;
  for (const line of D.graticule) pen.stroke(new Path2D(line.d));
  if (cells) drawCells(); else drawRegions();
  for (const [line, width] of [["#fff", 2.6], [INK, 1.1]]) {
    pen.strokeStyle = line;
    pen.lineWidth = width / S.zoom;
    for (const outline of outlines) if (outline) pen.stroke(outline);
  }
  drawSites();
  drawOverlay();
}
function drawOverlay() {
  overlay.replaceChildren();
  const z = 1 / S.zoom, w = D.width * z, h = D.height * z;
  overlay.setAttribute("viewBox", `${S.x} ${S.y} ${w} ${h}`);
  const unit = D.width / Math.max(overlay.clientWidth || D.width, 320) * z;  // one screen pixel
  const type = Math.max(1, Math.min(1.7, unit / z));
  for (const line of D.graticule) if (line.label && S.zoom === 1 && !(line.x < 50 && line.y < 75))  // not under the north arrow
    add(overlay, "text", { class: "grat-label", x: line.x + 5, y: line.y - 5, "font-size": 11 * type }, line.label);
  const size = (D.regions.length > 12 ? 11 : 14) * Math.pow(z, 0.8) * type;
  const crowded = type > 1.3 && D.regions.length > 12;
  D.regions.forEach((r, k) => {
    if (S.region === k && r.path) add(overlay, "path", { class: "border on", d: r.path, "stroke-width": 3 * z });
    if (r.x === undefined || crowded) return;
    // Means and intervals of psi are not the numbers of the threshold layer.
    const number = S.layer === "unc" ? r.interval : S.layer === "psi" ? r.big : "";
    if (r.label) add(overlay, "text", { class: "label", x: r.x, y: r.y - size * 0.18, "font-size": size * 0.94, "stroke-width": 4 * z }, r.label);
    add(overlay, "text", { class: "label value", x: r.x, y: r.y + size * (r.label ? 0.95 : 0.35), "font-size": size, "stroke-width": 4 * z }, number);
  });
  if (S.site !== null && sites.x && sites.x[S.site] !== null)
    add(overlay, "circle", { class: "ring", cx: sites.x[S.site], cy: sites.y[S.site], r: dot() * 1.9, "stroke-width": 3 * z });
  drawScale(z, w, h, type);
}
function drawScale(z, w, h, type) {
  const target = 0.24 * w / D.metre, power = 10 ** Math.floor(Math.log10(target));
  const length = [5, 2, 1].map((m) => m * power).find((m) => m <= target * (1 + 1e-9));
  const wide = length * D.metre, x = S.x + w - wide - 14 * z, y = S.y + h - 16 * z;
  const text = length >= 1000 ? length / 1000 + " km" : length + " m";
  const ground = (x, y, width, height) => add(overlay, "rect", { x, y, width, height, fill: "#eef3f5", opacity: 0.85 });
  ground(x - 5 * z, y - 8 * z - 12 * z * type, wide + 10 * z, 15 * z + 12 * z * type);
  add(overlay, "rect", { class: "scale", x, y, width: wide, height: 3 * z });
  add(overlay, "text", { class: "label", x: x + wide / 2, y: y - 6 * z, "font-size": 12 * z * type, "stroke-width": 3 * z }, text);
  const [ux, uy] = D.north, nx = S.x + 26 * z, ny = S.y + 40 * z, l = 16 * z;
  const tip = [nx + ux * l, ny - uy * l], side = [uy * 4 * z, ux * 4 * z], mid = [nx + ux * l * 0.45, ny - uy * l * 0.45];
  ground(S.x + 12 * z, S.y + 12 * z, 28 * z, 48 * z + 8 * z * type);
  add(overlay, "path", { class: "scale", d: `M${tip}L${mid[0] + side[0]},${mid[1] + side[1]}L${mid[0] - side[0]},${mid[1] - side[1]}Z` });
  add(overlay, "line", { x1: nx - ux * l * 0.7, y1: ny + uy * l * 0.7, x2: mid[0], y2: mid[1], stroke: INK, "stroke-width": 1.3 * z });
  add(overlay, "text", { class: "label", x: nx - ux * l * 1.1, y: ny + uy * l * 1.1 + 8 * z, "font-size": 12 * z * type, "stroke-width": 3 * z }, "N");
}

// --- legend
function symbol(parent, draw, text, width = 18) {
  const box = add(parent, "span");
  draw(drawing(box, { width, height: 14, viewBox: `0 0 ${width} 14`, "aria-hidden": "true" }));
  box.append(" " + text);
}
function drawLegend() {
  const box = $("legend");
  if (!box) return;
  box.replaceChildren();
  const { ends, scale } = LAYERS[S.layer], n = scale.colours.length, wide = 270, one = wide / n;
  const svg = drawing(box, { width: wide + 40, height: 44, viewBox: `-20 0 ${wide + 40} 44`, role: "img", "aria-label": `classes from ${scale.breaks[0]}, ${ends[0]}, to ${scale.breaks[n]}, ${ends[1]}` });
  add(svg, "text", { x: 0, y: 11, "font-size": 12, fill: "#5b666e" }, ends[0]);
  add(svg, "text", { x: wide, y: 11, "font-size": 12, "text-anchor": "end", fill: "#5b666e" }, ends[1]);
  const filled = !cells && sites.x && scale.tints && D.regions.some((r, k) => outlines[k] && r.mean !== null);
  scale.colours.forEach((c, k) => {
    add(svg, "rect", { x: k * one, y: 16, width: one, height: 12, fill: c, stroke: c });
    if (filled) add(svg, "rect", { x: k * one, y: 22, width: one, height: 6, fill: scale.tints[k], stroke: scale.tints[k] });
  });
  add(svg, "rect", { x: 0, y: 16, width: wide, height: 12, fill: "none", stroke: "#9aa5ab" });
  scale.breaks.forEach((b, k) => {
    if (n >= 10 && k % 2) return;
    const text = S.layer === "exc" ? Math.round(100 * b) + "%" : String(b);
    add(svg, "text", { x: k * one, y: 41, "font-size": 11, "text-anchor": "middle", fill: "#5b666e" }, text);
  });
  const ring = (fill, line, width, dash) => (s) => add(s, "circle", { cx: 9, cy: 7, r: 4.4, fill, stroke: line, "stroke-width": width, "stroke-dasharray": dash || "none" });
  if (cells) {
    if (D.unseen === "not detected") symbol(box, ring(INK, INK, 1), "detected");
    symbol(box, ring("#fff", INK, 1), D.unseen);
    if (sites.seen.includes(0)) symbol(box, ring("none", INK, 1, "2 1.6"), "not surveyed");
  } else if (sites.x) {
    const grey = "#7d94a3";
    if (D.unseen === "not detected") symbol(box, (s) => { add(s, "circle", { cx: 9, cy: 7, r: 6, fill: grey, stroke: EDGE }); add(s, "circle", { cx: 9, cy: 7, r: 2.2, fill: "#fff" }); }, "detected");
    symbol(box, (s) => add(s, "circle", { cx: 9, cy: 7, r: 4.4, fill: grey, stroke: EDGE }), D.unseen);
    if (sites.seen.includes(0)) symbol(box, (s) => add(s, "path", { d: "M9,2L14,7L9,12L4,7Z", fill: grey, stroke: EDGE }), "not surveyed");
  }
  if (filled) add(box, "span", {}, S.layer === "psi" ? "Dots: estimate at the site. Region fills, in the paler shades: mean ψ of their sites." : "Dots: interval width at the site. Region fills, in the paler shades: that of their mean.");
  if (cells && cells.outside.includes(1))
    symbol(box, (s) => { for (let k = -8; k < 24; k += 4) add(s, "line", { x1: k + 8, y1: 1, x2: k - 4, y2: 13, stroke: INK, "stroke-width": 0.8 }); }, "outside sampled conditions");
}

// --- the card
function drawHistory(card, i) {
  if (!sites.history || !sites.history[i]) return;
  const n = sites.visits, text = sites.history[i];
  const efforts = sites.effort && sites.effort[i] ? sites.effort[i].split(" ") : null;
  const box = add(card, "div", { class: "history-box" });
  const table = add(box, "table", { class: "history" });
  const row = add(add(table, "thead"), "tr");
  add(row, "td");
  for (let v = 1; v <= n; v++) add(row, "th", { scope: "col" }, String(v));
  const named = D.seasons.some((s) => s);
  if (D.seasons.length > 1) add(row, "th", { scope: "col" }, "present");
  const body = add(table, "tbody");
  D.seasons.forEach((season, t) => {
    const line = add(body, "tr");
    add(line, "th", { scope: "row", class: t === D.now ? "now" : "" }, named ? season || "?" : "");
    for (let v = 0; v < n; v++) {
      const sign = text[t * n + v], effort = efforts ? efforts[t * n + v] : "";
      const kind = sign === "-" ? "hx" : sign === "0" ? "h0" : "h1";
      const said = sign === "-" ? "no visit" : (sign === "0" ? "not detected" : "detected") + (effort ? `, ${effort} ${sites.units}` : "");
      add(line, "td", { class: kind, title: `visit ${v + 1}: ${said}` }, sign === "-" ? "–" : sign);
    }
    if (D.seasons.length > 1) add(line, "td", {}, said(sites.present[i][t]));
  });
  add(card, "p", {}, add(document.createDocumentFragment(), "small", {}, [...(Object.keys(D.values).length ? Object.entries(D.values) : [["1", "detected"]]).map((k) => k.join(" ")), "0 not detected", "hatched: no visit"].join(" · ")));
}
const said = (p) => p === 1 ? "yes" : percent(p);
function drawInterval(card, i) {
  const svg = drawing(card, { viewBox: "0 0 300 46", width: "100%", role: "img", "aria-label": `psi ${percent(sites.mean[i])}, interval ${range(sites.lower[i], sites.upper[i])}` });
  const x = (v) => 8 + 284 * v;
  add(svg, "line", { x1: x(0), x2: x(1), y1: 14, y2: 14, stroke: "#dfe5e8", "stroke-width": 2 });
  if (sites.mean[i] !== null) add(svg, "line", { x1: x(sites.lower[i]), x2: x(sites.upper[i]), y1: 14, y2: 14, stroke: "#8fb6c6", "stroke-width": 8 });
  if (sites.mean[i] !== null) add(svg, "circle", { cx: x(sites.mean[i]), cy: 14, r: 5.5, fill: "#14315c" });
  for (const v of [0, 0.25, 0.5, 0.75, 1]) add(svg, "text", { x: x(v), y: 40, "font-size": 11, "text-anchor": v === 0 ? "start" : v === 1 ? "end" : "middle", fill: "#5b666e" }, 100 * v + "%");
}
function drawCard() {
  const card = $("card");
  card.replaceChildren();
  const when = D.season ? ` in ${D.season}` : "";
  if (S.site === null) {
    const r = S.region === null ? D.study : D.regions[S.region];
    add(card, "h3", {}, S.region === null ? "Whole study" + (D.season ? `, ${D.season}` : "") : r.name);
    add(card, "div", { class: "big" }, r.big);
    add(card, "p", {}, r.big === "withheld" ? "A check forbids this number: see the warnings." : `${r.of}; ${D.interval} interval ${r.interval}`);
    add(card, "p", {}, [r.sites, r.area === "—" ? "" : r.area].filter(Boolean).join(" · "));
    if (r.detected !== "—") add(card, "p", {}, `Detected at ${r.detected}.`);
    add(card, "p", { class: "hint" }, D.regions.length ? "Choose a site for its detection history, or a region for its numbers." : "Choose a site for its detection history.");
    return;
  }
  const i = S.site, present = sites.present[i][D.now];
  add(card, "h3", {}, `Site ${sites.id[i]}`);
  if (sites.region[i] >= 0) add(card, "p", {}, D.regions[sites.region[i]].name);
  add(card, "div", { class: "big" }, sites.seen[i] === 2 ? "Present" : percent(present));
  add(card, "p", {}, sites.seen[i] === 2 ? `detected${when}` : sites.seen[i] === 1 ? `probability that it was present${when}, given what was seen` : `probability that it was present${when}; the site was not surveyed`);
  drawHistory(card, i);
  add(card, "h3", {}, "Expected occupancy ψ");
  drawInterval(card, i);
  add(card, "p", {}, `${percent(sites.mean[i])}, ${D.interval} interval ${range(sites.lower[i], sites.upper[i])}. What a site like this has, whatever was seen here.`);
}

// --- what was seen: detections, or states and certain ones apart
const KINDS = Object.keys(D.values).length ? Object.entries(D.values) : [["1", "detected"]];
const colourOf = (sign) => sign === "0" ? "#c3d3da" : KINDS.length > 1 && sign === KINDS[0][0] ? "#5c8fae" : "#14315c";

// --- without a map: every site's history as a strip, side by side
const strips = $("histories"), sheet = $("sheet");
const strip = { cell: 9, gap: 8, row: 15, tall: 9, apart: 0, head: 20, at: [], wide: 0 };
const SIZES = [{ cell: 9, gap: 8, row: 15, tall: 9 }, { cell: 6, gap: 7, row: 10, tall: 6 }, { cell: 4, gap: 6, row: 7, tall: 4.5 }];
const along = (v) => v * strip.cell + Math.floor(v / sites.visits) * strip.apart;
function layStrips() {
  strip.wide = sheet.clientWidth;
  strip.apart = D.seasons.length > 1 ? 3 : 0;
  let block = 0, across = 1;
  for (const size of SIZES) { // many sites: smaller cells, before the sheet grows long
    Object.assign(strip, size);
    block = along(sites.visits * D.seasons.length) + strip.gap;
    across = Math.max(1, Math.floor((strip.wide - 4) / block));
    if (sites.id.length / across * strip.row < 900) break;
  }
  const order = [...sites.id.keys()].filter((i) => sites.history[i]);
  const found = (i) => [...sites.history[i]].filter((c) => c !== "-" && c !== "0").length;
  order.sort((a, b) => sites.region[a] - sites.region[b] || found(b) - found(a));
  let y = 2, column = 0, last = null;
  strip.at = [];
  strip.heads = [];
  for (const i of order) {
    const region = D.regions.length ? sites.region[i] : null;
    if (region !== last) {
      if (last !== null || column) { y += strip.row + 6; column = 0; }
      if (region !== null) { strip.heads.push([D.regions[region] ? D.regions[region].name : "no region", y + 12]); y += strip.head; }
      last = region;
    } else if (column === across) { y += strip.row; column = 0; }
    strip.at.push({ i, x: 4 + column * block, y });
    column++;
  }
  return y + strip.row + 2;
}
function drawStrips() {
  if (!strips || !sites.history || !sheet.clientWidth) return;
  const tall = layStrips(), sharp = Math.max(1, Math.min(2, window.devicePixelRatio || 1));
  strips.width = strip.wide * sharp;
  strips.height = tall * sharp;
  strips.style.height = tall + "px";
  const ink = strips.getContext("2d"), c = strip.cell;
  ink.setTransform(sharp, 0, 0, sharp, 0, 0);
  ink.font = "600 13px system-ui, sans-serif";
  ink.fillStyle = INK;
  for (const [name, y] of strip.heads) ink.fillText(name, 4, y);
  for (const { i, x, y } of strip.at) {
    [...sites.history[i]].forEach((sign, v) => {
      if (sign === "-") {
        ink.strokeStyle = "#8b959b";
        ink.lineWidth = 0.8;
        ink.strokeRect(x + along(v) + 0.9, y + 0.9, c - 2.8, strip.tall - 0.8);
        return;
      }
      ink.fillStyle = colourOf(sign);
      ink.fillRect(x + along(v) + 0.5, y + 0.5, c - (c > 6 ? 1.5 : 1), strip.tall);
    });
    if (S.site === i) {
      ink.strokeStyle = "#c75a00";
      ink.lineWidth = 2.4;
      ink.strokeRect(x - 2, y - 1.5, along(sites.history[i].length) - strip.apart + 3.5, strip.tall + 4);
    }
  }
}
function stripUnder(event) {
  const box = strips.getBoundingClientRect(), x = event.clientX - box.x, y = event.clientY - box.y;
  const wide = along(sites.visits * D.seasons.length) + strip.gap / 2;
  return strip.at.find((s) => x >= s.x - 3 && x <= s.x + wide && y >= s.y - 2 && y <= s.y + strip.tall + 4);
}
if (strips && sites.history) {
  const box = $("sheet-legend");
  for (const [sign, text] of (D.unseen === "not detected" ? [...KINDS, ["0", D.unseen]] : KINDS)) symbol(box, (s) => add(s, "rect", { x: 4, y: 2, width: 10, height: 10, fill: colourOf(sign) }), text);
  symbol(box, (s) => add(s, "rect", { x: 4.5, y: 2.5, width: 9, height: 9, fill: "none", stroke: "#8b959b" }), "no visit");
  add(box, "span", {}, `One strip a site, its visits from left to right${D.seasons.length > 1 ? ", a gap between seasons" : ""}; most detections first. Choose one for its record.`);
  strips.addEventListener("click", (event) => { const s = stripUnder(event); chooseSite(s && S.site !== s.i ? s.i : null); });
  strips.addEventListener("pointerleave", () => { $("tip").hidden = true; });
  strips.addEventListener("pointermove", (event) => {
    const s = stripUnder(event), tip = $("tip");
    tip.hidden = !s;
    if (!s) return;
    tip.style.left = Math.max(60, Math.min(strip.wide - 60, s.x)) + "px";
    tip.style.top = Math.max(34, s.y) + "px";
    tip.textContent = sites.id[s.i].slice(0, 40);
  });
}

// --- choosing
function mark() {
  document.querySelectorAll("#regions tbody tr").forEach((row) => row.classList.toggle("on", S.region === Number(row.dataset.k)));
}
function all() { mark(); drawLegend(); draw(); drawStrips(); drawCard(); }
function refresh() { mark(); if (overlay) drawOverlay(); drawStrips(); drawCard(); }
function chooseSite(i) {
  S.site = i; S.region = null;
  if (i !== null) history.replaceState(null, "", "#" + encodeURIComponent(sites.id[i]));
  refresh();
}
function chooseRegion(k) { S.region = S.region === k ? null : k; S.site = null; refresh(); }
function fromAddress() {
  let name = location.hash.slice(1);
  try { name = decodeURIComponent(name); } catch { return; }
  const i = sites.id.indexOf(name);
  if (i >= 0) { S.site = i; S.region = null; refresh(); }
}

// --- controls
const layerBox = $("layers");
if (layerBox) {
  for (const [key, layer] of Object.entries(LAYERS)) {
    const label = add(layerBox, "label", key === S.layer ? { class: "on" } : {});
    const input = add(label, "input", { type: "radio", name: "layer", value: key });
    input.checked = key === S.layer;
    add(label, "span", {}, layer.name);
    input.addEventListener("change", () => {
      S.layer = key;
      layerBox.querySelectorAll("label").forEach((l) => l.classList.toggle("on", l === label));
      $("threshold-box").hidden = key !== "exc";
      drawLegend();
      draw();
    });
  }
  const slider = $("threshold");
  const show = () => { $("threshold-value").textContent = `ψ > ${percent(S.threshold)}`; };
  slider.addEventListener("input", () => { S.threshold = Number(slider.value) / 100; show(); draw(); });
  show();
}
for (const id of sites.id.slice(0, 5000)) add($("site-names"), "option", { value: id });
$("find").setAttribute("placeholder", sites.id.length ? "e.g. " + sites.id[0].slice(0, 14) : "");
$("find").addEventListener("change", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  const i = sites.id.findIndex((id) => id.toLowerCase() === wanted);
  if (i < 0) return;
  if (sites.x && sites.x[i] !== null && canvas) zoomTo(4, sites.x[i], sites.y[i], true);
  chooseSite(i);
});

// --- zoom and pan
const clamp = () => {
  S.x = Math.max(0, Math.min(D.width - D.width / S.zoom, S.x));
  S.y = Math.max(0, Math.min(D.height - D.height / S.zoom, S.y));
};
function zoomTo(zoom, x, y, centre) {
  const next = Math.max(1, Math.min(16, zoom));
  if (centre) { S.x = x - D.width / next / 2; S.y = y - D.height / next / 2; }
  else { S.x = x - (x - S.x) * S.zoom / next; S.y = y - (y - S.y) * S.zoom / next; }
  S.zoom = next;
  clamp();
  draw();
}
if (canvas) {
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [S.x + (event.clientX - box.x) / box.width * D.width / S.zoom, S.y + (event.clientY - box.y) / box.height * D.height / S.zoom];
  };
  const middle = () => [S.x + D.width / S.zoom / 2, S.y + D.height / S.zoom / 2];
  $("zoom-in").addEventListener("click", () => zoomTo(S.zoom * 1.6, ...middle()));
  $("zoom-out").addEventListener("click", () => zoomTo(S.zoom / 1.6, ...middle()));
  $("zoom-reset").addEventListener("click", () => { S.x = S.y = 0; S.zoom = 1; draw(); });
  overlay.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomTo(S.zoom * (event.deltaY < 0 ? 1.25 : 0.8), ...place(event));
  }, { passive: false });
  // The nearest site within reach of a finger; dots are smaller than fingers.
  const near = (event) => {
    if (!sites.x) return null;
    const [x, y] = place(event), box = canvas.getBoundingClientRect();
    const reach = 14 * D.width / box.width / S.zoom;
    let best = null, least = reach * reach;
    for (let i = 0; i < sites.id.length; i++) {
      if (sites.x[i] === null) continue;
      const d = (sites.x[i] - x) ** 2 + (sites.y[i] - y) ** 2;
      if (d < least) { least = d; best = i; }
    }
    return best;
  };
  let drag = null, moved = false;
  overlay.addEventListener("pointerdown", (event) => { drag = [event.clientX, event.clientY, S.x, S.y]; moved = false; });
  window.addEventListener("pointerup", () => { drag = null; });
  overlay.addEventListener("pointerleave", () => { $("tip").hidden = true; });
  overlay.addEventListener("pointermove", (event) => {
    if (drag && (Math.abs(event.clientX - drag[0]) + Math.abs(event.clientY - drag[1]) > 4)) moved = true;
    if (drag && S.zoom > 1) {
      const box = canvas.getBoundingClientRect();
      S.x = drag[2] - (event.clientX - drag[0]) / box.width * D.width / S.zoom;
      S.y = drag[3] - (event.clientY - drag[1]) / box.height * D.height / S.zoom;
      clamp();
      draw();
      return;
    }
    const i = near(event), tip = $("tip");
    tip.hidden = i === null;
    if (i === null) return;
    const box = $("map").getBoundingClientRect();
    tip.style.left = Math.max(90, Math.min(box.width - 90, (sites.x[i] - S.x) * S.zoom / D.width * box.width)) + "px";
    tip.style.top = Math.max(34, (sites.y[i] - S.y) * S.zoom / D.height * box.height) + "px";
    const fact = sites.seen[i] === 2 ? "detected" : `present with probability ${percent(sites.present[i][D.now])}`;
    tip.textContent = `${sites.id[i].slice(0, 40)} · ${fact}`;
  });
  overlay.addEventListener("click", (event) => {
    if (moved) return;
    const i = near(event);
    if (i !== null) { chooseSite(S.site === i ? null : i); return; }
    const [x, y] = place(event);
    pen.save();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    const k = outlines.findIndex((o) => o && pen.isPointInPath(o, x, y));
    pen.restore();
    if (k >= 0) chooseRegion(k); else { S.site = S.region = null; refresh(); }
  });
}

// --- the table of regions
document.querySelectorAll("#regions thead button").forEach((button) => button.addEventListener("click", () => {
  const head = button.parentNode, column = head.cellIndex, body = $("regions").tBodies[0];
  const way = head.getAttribute("aria-sort") === (column ? "descending" : "ascending") ? (column ? 1 : -1) : (column ? -1 : 1);
  head.parentNode.querySelectorAll("th[aria-sort]").forEach((h) => h.setAttribute("aria-sort", "none"));
  head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
  const value = (row) => {
    const cell = row.cells[column];
    return column ? (cell.dataset.v === "" ? -Infinity : Number(cell.dataset.v)) : cell.textContent;
  };
  [...body.rows].sort((a, b) => {
    const u = value(a), v = value(b);
    return way * (column ? u - v || 0 : u.localeCompare(v));
  }).forEach((row) => body.append(row));
}));
document.querySelectorAll("#regions tbody tr").forEach((row) => row.querySelector("button").addEventListener("click", () => chooseRegion(Number(row.dataset.k))));
if ($("csv")) $("csv").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([D.csv], { type: "text/csv" }));
  link.download = "regions.csv";
  link.click();
});

// --- paper: the whole study, everything unfolded
let before = null;
window.addEventListener("beforeprint", () => {
  before = { ...S, closed: [...document.querySelectorAll("details:not([open])")] };
  before.closed.forEach((d) => { d.open = true; });
  Object.assign(S, { site: null, region: null, zoom: 1, x: 0, y: 0 });
  all();
});
window.addEventListener("afterprint", () => {
  if (!before) return;
  const { closed, ...state } = before;
  closed.forEach((d) => { d.open = false; });
  Object.assign(S, state);
  all();
});
window.addEventListener("hashchange", fromAddress);
let resized = 0;
window.addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(() => { if (overlay) drawOverlay(); drawStrips(); }, 120); });
all();
fromAddress();
