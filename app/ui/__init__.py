"""The pages' shells: Gradio gives layout and navigation, our own script fills them from our own API."""
