"""What several tasks share: pictures on their way to a network, spans, moments. No task by itself."""
