// The form of this page is an answer for the service provider alone: it leaves without being seen.
"use strict";
document.forms[0]?.submit();
