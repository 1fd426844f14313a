# A worker with PyTorch for CUDA. Build from the root of the repository:
#   docker build -f deploy/worker.Dockerfile -t dragonfly-med-worker .
# For another index of PyTorch: --build-arg TORCH_INDEX=<address>.
# Not built where this was written: there was neither a container engine nor a graphics card there.
FROM python:3.11-slim
ARG TORCH_INDEX=""
RUN useradd --system --uid 7860 --create-home dragonfly \
    && install -d -o dragonfly -m 0700 /var/lib/dragonfly-med
WORKDIR /opt/dragonfly-med
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
# First the largest part, which changes least. The wheels bring CUDA along; the host brings the driver.
RUN pip install --no-cache-dir -c constraints.txt ${TORCH_INDEX:+--index-url $TORCH_INDEX} torch==2.13.0
COPY app app
COPY dicom dicom
COPY model model
COPY storage storage
RUN pip install --no-cache-dir -c constraints.txt -e '.[worker]'
USER dragonfly
ENV DRAGONFLY_DATA_DIR=/var/lib/dragonfly-med PYTHONUNBUFFERED=1
VOLUME /var/lib/dragonfly-med
STOPSIGNAL SIGTERM
CMD ["dragonfly-med", "work"]
