// Icons, drawn on a square of 24 with a line of 1.8.

const SHAPES = {
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13M15.3 15.3L20.5 20.5",
  edit: "M4 20h4L19 9l-4-4L4 16zM13.5 6.5l4 4",
  gear: "M12 8.8a3.2 3.2 0 1 0 0 6.4a3.2 3.2 0 0 0 0-6.4M12 3v2.2M12 18.8V21M3 12h2.2M18.8 12H21M5.6 5.6l1.6 1.6M16.8 16.8l1.6 1.6M18.4 5.6l-1.6 1.6M7.2 16.8l-1.6 1.6",
  more: "M5.5 12h.01M12 12h.01M18.5 12h.01",
  phone: "M6 3.5h3l1.6 4.4-2.1 1.6a12 12 0 0 0 6 6l1.6-2.1 4.4 1.6v3a2 2 0 0 1-2.2 2C11 19.6 4.400 13 4 5.700a2 2 0 0 1 2-2.200z",
  hangup: "M3.500 14.500c4.700-5 12.300-5 17 0l-2.400 2.900-3.600-1.600v-2.500a9 9 0 0 0-5 0v2.500l-3.600 1.600z",
  video: "M4 7h11v10H4zM15 10.500l5-2.800v8.600l-5-2.800",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  shield: "M12 3l7.500 2.800v5.700c0 4.500-3 8-7.500 9.500-4.500-1.500-7.500-5-7.500-9.500V5.800zM8.800 12l2.300 2.300 4.200-4.600",
  warning: "M12 4L2.800 19.500h18.400zM12 10v4.500M12 17.200h.01",
  timer: "M12 6a7.500 7.500 0 1 0 0 15a7.500 7.500 0 0 0 0-15M12 10v3.700l2.300 1.500M9.500 2.800h5",
  plus: "M12 5v14M5 12h14",
  smile: "M12 3.500a8.500 8.500 0 1 0 0 17a8.500 8.500 0 0 0 0-17M8.500 14c1.800 2.400 5.200 2.400 7 0M9 9.500h.01M15 9.500h.01",
  mic: "M12 3a3 3 0 0 1 3 3v5.500a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3M5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3",
  send: "M4 12l16-8-5.500 16.500-3.300-6.700zM11.200 13.800L20 4",
  check: "M5 12.500l4.500 4.500L19 7.500",
  checks: "M2 12.500l4.500 4.500L15.500 8M11 16l1 1 9.500-9",
  clock: "M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16M12 8v4.500l3 1.700",
  failed: "M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16M12 8v5M12 16h.01",
  reply: "M10 6L4.500 11.500 10 17M4.500 11.500H14c3.500 0 5.500 2 5.500 6",
  forward: "M14 6l5.500 5.500L14 17M19.500 11.500H10c-3.500 0-5.500 2-5.500 6",
  trash: "M5 7h14M10 7V4.500h4V7M7 7l.8 13h8.400L17 7M10.500 10.500v6M13.500 10.500v6",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  info: "M12 3.500a8.500 8.500 0 1 0 0 17a8.500 8.500 0 0 0 0-17M12 11v5.500M12 7.800h.01",
  pin: "M9 3.500h6l-.8 6 3.300 3.500v1.500h-11V13l3.300-3.500zM12 14.500V21",
  mute: "M10 19.500a2.200 2.200 0 0 0 4 0M6 16.500h12.500l-1.700-2.800V10a5 5 0 0 0-7-4.500M7 8.500v5.200L5.300 16.500M4 4l16 16",
  bell: "M10 19.500a2.200 2.200 0 0 0 4 0M5.300 16.500h13.400l-1.700-2.800V10a5 5 0 0 0-10 0v3.700z",
  archive: "M4 5h16v4H4zM5.500 9v10.500h13V9M10 13h4",
  block: "M12 3.500a8.500 8.500 0 1 0 0 17a8.500 8.500 0 0 0 0-17M6 6l12 12",
  file: "M6.500 3h7.500l4.500 4.500V21h-12zM14 3v4.500h4.500",
  image: "M4 5h16v14H4zM4 16l4.500-4.500 4 4 3-3L20 16.500M15 9.200h.01",
  eye: "M2.500 12C5 7.500 8.200 5.500 12 5.500s7 2 9.500 6.500c-2.500 4.500-5.700 6.500-9.500 6.500S5 16.500 2.500 12M12 9.300a2.700 2.700 0 1 0 0 5.400a2.700 2.700 0 0 0 0-5.400",
  hidden: "M4 4l16 16M9.500 5.900c.8-.3 1.600-.4 2.500-.4 3.800 0 7 2 9.500 6.500-.8 1.400-1.700 2.600-2.700 3.600M6 7.600C4.700 8.600 3.500 10.100 2.500 12c2.500 4.500 5.700 6.500 9.500 6.500 1.500 0 2.900-.3 4.200-1",
  download: "M12 4v11M7 10.500l5 5 5-5M5 20h14",
  play: "M8 5l11 7-11 7z",
  pause: "M8.500 5v14M15.500 5v14",
  stop: "M7 7h10v10H7z",
  sun: "M12 8a4 4 0 1 0 0 8a4 4 0 0 0 0-8M12 2.500V5M12 19v2.500M2.500 12H5M19 12h2.500M5.300 5.300L7 7M17 17l1.700 1.700M18.700 5.300L17 7M7 17l-1.700 1.700",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z",
  auto: "M12 3.500a8.500 8.500 0 1 0 0 17a8.500 8.500 0 0 0 0-17zM12 3.500v17M12 8h6.500M12 12h8.500M12 16h6.500",
  sound: "M4 9.500h3.500L12 5.500v13l-4.500-4H4zM15.500 9a4 4 0 0 1 0 6M18 6.500a7.500 7.500 0 0 1 0 11",
  silent: "M4 9.500h3.500L12 5.500v13l-4.500-4H4zM16 9.500l5 5M21 9.500l-5 5",
  wifi: "M3 9.500c5.500-5 12.500-5 18 0M6.300 13c3.500-3.200 7.900-3.200 11.400 0M9.500 16.400c1.600-1.400 3.400-1.400 5 0M12 19.500h.01",
  offline: "M3 3l18 18M3 9.500c1.600-1.500 3.400-2.500 5.200-3.100M12 5.700c3.200 0 6.300 1.300 9 3.800M6.300 13c1.200-1.100 2.600-1.800 4-2.200M9.500 16.400c1.600-1.400 3.400-1.400 5 0M12 19.500h.01",
  power: "M12 3.500V12M7 6.300a8 8 0 1 0 10 0",
  people: "M9 4.500a3.500 3.500 0 1 0 0 7a3.500 3.500 0 0 0 0-7M2.500 20c.4-4 3-6 6.500-6s6.100 2 6.500 6M15.500 5a3.300 3.300 0 0 1 0 6.300M17.500 14.300c2.400.7 3.800 2.600 4 5.700",
  down: "M6 9.500l6 6 6-6",
  envelope: "M3.500 6h17v12.500h-17zM3.500 7l8.500 6.500L20.500 7",
  key: "M8 9.500a4 4 0 1 0 0 8a4 4 0 0 0 0-8M11 10.700L19.500 3M16 6.200l2.500 2.500",
  door: "M13 4h6v16h-6M4 12h10M10.500 8l4 4-4 4",
  moonbell: "M14 4.500h4.500L14 10h4.500M10 19.500a2.200 2.200 0 0 0 4 0M5.300 16.500h13.400l-1.500-2.400M7 13.700V10a5 5 0 0 1 4-4.900",
};

const SVG = "http://www.w3.org/2000/svg";
const FILLED = new Set(["play", "stop"]);

/** An icon, which says nothing to screen readers. */
export function icon(name, more = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name} ${more}`);
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  if (FILLED.has(name)) path.setAttribute("fill", "currentColor");
  svg.append(path);
  return svg;
}

/** A voice message's wave form: a bar for each value of 0 to 255. */
export function wave(values, bars = 40) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "wave");
  svg.setAttribute("viewBox", `0 0 ${bars * 4} 32`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  for (let bar = 0; bar < bars; bar += 1) {
    const value = values.length ? values[Math.floor((bar * values.length) / bars)] : 40;
    const height = Math.max(3, (value / 255) * 30);
    const rect = document.createElementNS(SVG, "rect");
    for (const [key, to] of Object.entries({ x: bar * 4, y: 16 - height / 2, width: 2.4, height, rx: 1.2 })) {
      rect.setAttribute(key, to);
    }
    svg.append(rect);
  }
  return svg;
}
