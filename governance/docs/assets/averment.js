"use strict";
/* The theme calls its search a dialog and gives it no name, so that a screen reader would announce a dialog about nothing. */
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
