"""The component package: what `pulumi package add` starts."""

from kafka_platform.host import serve

if __name__ == "__main__":
    serve()
