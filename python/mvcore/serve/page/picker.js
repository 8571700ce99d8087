// A list to choose several of, with search: a combobox and its listbox (WAI-ARIA's pattern). What
// is chosen stands above it as buttons that take it away again, in the order of choosing.

const SHOWN = 200; // of the options that match

export class Picker {
  /** options: [{value, text, group}]; one group at a time may be chosen from. */
  constructor(box, label, onChange) {
    this.onChange = onChange;
    this.options = [];
    this.chosen = [];
    this.active = 0;
    box.innerHTML = `
      <label>${label}<input type="text" role="combobox" aria-expanded="false" autocomplete="off"
        aria-controls="${box.id}-list" aria-autocomplete="list"></label>
      <span class="chosen"></span>
      <ul role="listbox" id="${box.id}-list" aria-label="${label}" aria-multiselectable="true" hidden></ul>`;
    this.box = box;
    this.input = box.querySelector("input");
    this.list = box.querySelector("ul");
    this.chips = box.querySelector(".chosen");
    this.input.addEventListener("focus", () => this.show());
    this.input.addEventListener("input", () => this.show());
    this.input.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("focusout", (event) => {
      if (!box.contains(event.relatedTarget)) this.hide();
    });
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault(); // the input keeps the focus
      const item = event.target.closest("li[data-place]");
      if (item) this.toggle(this.found[Number(item.dataset.place)]);
    });
  }

  focus() {
    this.input.focus();
  }

  setOptions(options) {
    this.options = options;
    if (!this.list.hidden) this.show();
  }

  setChosen(values) {
    this.chosen = [...values];
    this.drawChosen();
  }

  show() {
    const words = this.input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (option) => words.every((word) => option.text.toLowerCase().includes(word));
    this.found = this.options.filter(matches).slice(0, SHOWN);
    this.active = Math.max(0, Math.min(this.active, this.found.length - 1));
    this.list.replaceChildren(...this.found.map((option, place) => this.item(option, place)));
    if (!this.found.length) this.list.append(note("nothing of that name"));
    if (this.found.length === SHOWN) this.list.append(note(`the first ${SHOWN}: type to search`));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.activate(this.active);
  }

  hide() {
    this.list.hidden = true;
    this.list.replaceChildren();
    this.input.value = "";
    this.active = 0;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  item(option, place) {
    const item = document.createElement("li");
    item.id = `${this.list.id}-${place}`;
    item.role = "option";
    item.dataset.place = place;
    item.textContent = option.text;
    item.ariaSelected = String(this.chosen.includes(option.value));
    return item;
  }

  activate(place) {
    if (!this.found[place]) return;
    this.list.querySelector(".active")?.classList.remove("active");
    const item = this.list.children[place];
    this.active = place;
    item.classList.add("active");
    item.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", item.id);
  }

  key(event) {
    const open = !this.list.hidden;
    if (event.key === "ArrowDown") open ? this.activate(this.active + 1) : this.show();
    else if (event.key === "ArrowUp") this.activate(this.active - 1);
    else if (event.key === "Enter" && open && this.found.length) this.toggle(this.found[this.active]);
    else if (event.key === "Escape") this.input.blur();
    else if (event.key === "Backspace" && !this.input.value) this.take(this.chosen.at(-1));
    else return;
    event.preventDefault();
  }

  toggle(option) {
    if (this.chosen.includes(option.value)) {
      this.take(option.value);
      return;
    }
    const group = (value) => this.options.find((its) => its.value === value)?.group;
    this.chosen = this.chosen.filter((value) => group(value) === option.group);
    this.chosen.push(option.value);
    this.changed();
  }

  take(value) {
    if (value === undefined) return;
    this.chosen = this.chosen.filter((its) => its !== value);
    this.changed();
  }

  changed() {
    this.drawChosen();
    if (!this.list.hidden) this.show();
    this.onChange();
  }

  drawChosen() {
    const buttons = this.chosen.map((value) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = this.options.find((its) => its.value === value)?.text ?? value.replace(/^=/, "");
      button.title = "take away";
      button.ariaLabel = `take ${button.textContent} away`;
      button.addEventListener("click", () => {
        this.take(value);
        this.input.focus();
        this.hide();
      });
      return button;
    });
    this.chips.replaceChildren(...buttons);
  }
}

function note(text) {
  const item = document.createElement("li");
  item.className = "note";
  item.role = "presentation";
  item.textContent = text;
  return item;
}
