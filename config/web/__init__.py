"""The web process around Django: connections, headers, refusals, and pages for what fails."""
