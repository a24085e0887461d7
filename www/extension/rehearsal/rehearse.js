// Teaches the worker a template from a recording file, by hand. Tests send the same message from this page.
const result = document.getElementById("result");

document.getElementById("recording").addEventListener("change", async ({ target }) => {
  const { learn: days } = JSON.parse(await target.files[0].text());
  const user = document.getElementById("user").value;
  const reply = await chrome.runtime.sendMessage({ type: "rehearse", user, days });
  result.textContent = JSON.stringify(reply);
});
