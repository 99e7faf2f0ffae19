// Emoji to write and to react with, found by their names.

import { h, arrows } from "./dom.js";

export const QUICK = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

const GROUPS = {
  Faces: "😀 grin,😄 laugh,😁 beam,😂 tears of joy,😊 smile,😉 wink,😍 heart eyes,😘 kiss,😎 cool,🤔 thinking,😐 neutral,🙄 rolling eyes,😏 smirk,😴 sleep,😮 surprised,😢 sad,😭 crying,😡 angry,🤯 mind blown,🥳 party,😇 angel,🤗 hug,🤫 quiet,🤐 zipped,😬 grimace,🥰 in love,😅 sweat,🙃 upside down",
  Hands: "👍 thumbs up,👎 thumbs down,👏 clap,🙏 thanks,👋 wave,🤝 handshake,👌 fine,✌️ peace,🤞 fingers crossed,💪 strong,🙌 hooray,👀 eyes,🫶 heart hands,✍️ writing",
  Hearts: "❤️ red heart,🧡 orange heart,💛 yellow heart,💚 green heart,💙 blue heart,💜 purple heart,🖤 black heart,🤍 white heart,💔 broken heart,💕 two hearts,💯 hundred,✨ sparkles,🔥 fire,⭐ star",
  Days: "☕ coffee,🍽️ dinner,🍷 wine,🥂 toast,🍰 cake,🍓 strawberry,🎂 birthday,🎉 celebration,🎁 gift,🌹 rose,💐 bouquet,🌙 moon,☀️ sun,🌧️ rain,❄️ snow,🌊 sea,🏖️ beach,🏨 hotel",
  Things: "📷 camera,🎵 music,📞 telephone,💼 briefcase,📅 calendar,⏰ alarm,⏳ hourglass,🔒 lock,🔑 key,📍 place,🚕 taxi,✈️ plane,🚆 train,🧳 suitcase,💳 card,💶 money,📎 clip,✅ done,❌ no,❓ question,❗ important,➡️ right",
};

const ALL = Object.entries(GROUPS).map(([name, list]) => [name, list.split(",").map((one) => {
  const [emoji, ...words] = one.split(" ");
  return { emoji, name: words.join(" ") };
})]);

/** A picker; `pick(emoji)` is called with what was chosen. */
export function picker(pick) {
  const grid = h("div", { class: "emoji-grid" });
  const search = h("input", {
    class: "field", type: "search", placeholder: "Search emoji", "aria-label": "Search emoji", oninput: () => draw(search.value),
  });
  function draw(words) {
    const wanted = words.trim().toLowerCase();
    const groups = ALL.map(([name, list]) => [name, list.filter((one) => one.name.includes(wanted))]).filter(([, list]) => list.length);
    grid.replaceChildren(...groups.map(([name, list]) => h("div", { class: "emoji-group" },
      h("h4", { text: name }),
      h("div", { class: "emoji-row" }, list.map(({ emoji, name: label }) =>
        h("button", { type: "button", class: "emoji", "aria-label": label, title: label, onclick: () => pick(emoji), text: emoji })))),
    ), groups.length ? "" : h("p", { class: "hint", text: "No emoji of that name." }));
  }
  grid.addEventListener("keydown", (event) => {
    const all = [...grid.querySelectorAll("button")];
    if (!arrows(all, event, { horizontal: true }) && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const at = all.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 8 : -8);
      all[Math.min(Math.max(at, 0), all.length - 1)]?.focus();
    }
  });
  draw("");
  return h("div", { class: "emoji-picker" }, search, grid);
}
