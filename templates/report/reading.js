// The values under the pointer, beside a hairline: what one wants of a curve and can't read off it. Nothing else.
for (const figure of document.querySelectorAll("figure.plot")) {
  const svg = figure.querySelector("svg"), cursor = svg.querySelector(".cursor"), reading = figure.querySelector(".reading");
  const resting = reading.textContent;
  const lines = [...svg.querySelectorAll("path[data-epochs]")].reverse().map((path) => ({
    label: path.dataset.label,
    at: (path.getAttribute("d").match(/[ML][^,]+/g) || []).map((point) => Number(point.slice(1))),
    epochs: path.dataset.epochs.split(" "),
    values: path.dataset.values.split(" "),
  }));
  const nearest = (line, x) => line.at.reduce((best, each, index) => Math.abs(each - x) < Math.abs(line.at[best] - x) ? index : best, 0);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    const found = lines.map((line) => [line, nearest(line, x)]).filter(([line]) => line.at.length);
    if (!found.length) return;
    const close = found.reduce((a, b) => Math.abs(b[0].at[b[1]] - x) < Math.abs(a[0].at[a[1]] - x) ? b : a);
    cursor.setAttribute("transform", `translate(${close[0].at[close[1]]},0)`);
    svg.classList.add("read");
    const epoch = close[0].epochs[close[1]];
    reading.textContent = `epoch ${epoch}: ` + found.map(([line, index]) =>
      `${line.label} ${line.values[index]}${line.epochs[index] === epoch ? "" : ` (epoch ${line.epochs[index]})`}`).join(", ");
  });
  svg.addEventListener("pointerleave", () => {
    svg.classList.remove("read");
    reading.textContent = resting;
  });
}
