"""How tasks, models, tables and labels are declared, and found by name. Nothing here touches a lake or a film."""
