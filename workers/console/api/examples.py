"""Ways to call each endpoint, as people are shown them; a test runs all of them."""

from __future__ import annotations

ADDRESS = "http://localhost:8322"
JUDGE = f"curl --data-binary @picture.jpg -H 'Content-Type: image/jpeg' {ADDRESS}/v1/judge"
PYTHON = f"""\
import json
from pathlib import Path
from urllib.request import Request, urlopen

image = Path("picture.jpg").read_bytes()
request = Request("{ADDRESS}/v1/judge", image, {{"Content-Type": "image/jpeg"}})
with urlopen(request, timeout=15) as answer:  # an HTTPError says by its code what to do
    decision = json.load(answer)
print(decision["verdict"], [(match["policy"], match["score"]) for match in decision["matches"]])
"""
EMBED = f"curl --data-binary @picture.jpg -H 'Content-Type: image/jpeg' {ADDRESS}/v1/embeddings?encoding=base64"
SENTENCES = f"""curl --json '{{"texts": ["a kitchen knife", "a rainbow"]}}' {ADDRESS}/v1/embeddings"""
CLAIM = f"""curl --json '{{"uri": "https://cdn.example.com/picture.jpg"}}' {ADDRESS}/v1/judge"""
EXAMPLES = {"/v1/judge": (JUDGE, PYTHON, CLAIM), "/v1/embeddings": (EMBED, SENTENCES)}
