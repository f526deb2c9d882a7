// Shows on the teacher's page what has changed, without loading it anew. The page is complete without this file: its forms
// and links do all there is to do.
"use strict";
(() => {
  const live = document.querySelector("[data-live]");
  if (!live || !window.EventSource) return;
  let isBusy = false;
  let isLate = false;

  // Nothing is taken from under the fingers of somebody who types.
  const isTyping = () => {
    const fields = [...live.querySelectorAll("textarea, input:not([type=hidden]), select")];
    const isChanged = (field) =>
      field.tagName === "SELECT"
        ? [...field.options].some((option) => option.selected !== option.defaultSelected) && field.selectedIndex > 0
        : field.type === "checkbox"
          ? field.checked !== field.defaultChecked
          : field.value !== field.defaultValue;
    return fields.some((field) => field === document.activeElement || isChanged(field));
  };

  // Whoever goes by keyboard stays where she is: what has no identifier is known by what it sends, by where it leads, or by what it opens.
  const isSame = (one, other) => {
    const sent = (form) => form && `${form.action}?${new URLSearchParams(new FormData(form))}`;
    return (
      one.id === other.id &&
      one.name === other.name &&
      one.value === other.value &&
      one.href === other.href &&
      one.closest("details")?.id === other.closest("details")?.id &&
      sent(one.closest("form")) === sent(other.closest("form"))
    );
  };

  const show = async () => {
    isLate = isBusy || isTyping();
    if (isLate) return;
    isBusy = true;
    try {
      const answer = await fetch(`${location.pathname}?direct`, { credentials: "same-origin" });
      if (answer.redirected || !answer.ok) return location.reload();
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-live]");
      if (!fresh) return location.reload();
      const open = [...live.querySelectorAll("details[open][id]")].map((details) => details.id);
      const focused = live.contains(document.activeElement) ? document.activeElement : null;
      live.replaceChildren(...fresh.childNodes);
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
      const again = focused && [...live.querySelectorAll(focused.tagName)].find((element) => isSame(element, focused));
      again?.focus({ preventScroll: true });
    } catch {
      // The line to the box is cut: the source tries again by itself.
    } finally {
      isBusy = false;
    }
  };

  let source;
  let isCut = false;
  const listen = () => {
    source = new EventSource(live.dataset.live);
    source.addEventListener("change", show);
    source.addEventListener("end", () => {
      source.close();
      location.reload();
    });
    source.addEventListener("error", () => {
      isCut = true;
    });
    // A stream tells of what changes from its beginning on.
    source.addEventListener("open", () => {
      if (isCut) show();
      isCut = false;
    });
  };
  listen();
  setInterval(() => isLate && show(), 1000);
  // A browser gives up on a stream that was refused, as where no place is free.
  setInterval(() => source.readyState === EventSource.CLOSED && listen(), 30000);
})();
