# The web process, without PyTorch. Build from the root of the repository:
#   docker build -f deploy/web.Dockerfile -t dragonfly-med-web .
# Not built where this was written: there was no container engine there.
FROM python:3.11-slim
RUN useradd --system --uid 7860 --create-home dragonfly \
    && install -d -o dragonfly -m 0700 /var/lib/dragonfly-med
WORKDIR /opt/dragonfly-med
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY app app
COPY dicom dicom
COPY model model
COPY storage storage
# Editable, so that the words, fonts and pages lie where the sources say they do.
RUN pip install --no-cache-dir -c constraints.txt -e '.[web]'
USER dragonfly
ENV DRAGONFLY_DATA_DIR=/var/lib/dragonfly-med PYTHONUNBUFFERED=1
VOLUME /var/lib/dragonfly-med
HEALTHCHECK --start-period=60s CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/ready', timeout=5)"
CMD ["dragonfly-med", "serve"]
