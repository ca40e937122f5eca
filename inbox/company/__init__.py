"""The company itself, as its administrator sets it up: people, teams, hours, ways in."""
