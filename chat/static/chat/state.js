// An order's state as word and icon, never by colour alone; the same markup as templates/chat/state.html.
import { el, icon } from "./dom.js";
import { words } from "./words.js";

export const state = (status) => el(`span.state.state-${status}`, {}, icon(status), words(`state-${status}`));
