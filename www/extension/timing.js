// Runs before capture.js where policy allows the rhythm of typing in password fields: times only, never which keys.
globalThis.tacitPasswordTiming = true;
