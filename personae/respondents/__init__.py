"""Controls with known habits: simulated, null and scripted respondents."""
