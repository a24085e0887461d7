// Sends the AuthnRequest on, as a form that posts itself.
document.getElementById("appForm").submit();
