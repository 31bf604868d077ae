FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-numpy \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /service
COPY service.py .
EXPOSE 8000
CMD ["python3", "-u", "service.py"]
