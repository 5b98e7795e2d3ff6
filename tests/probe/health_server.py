"""The real thing: a gRPC server with grpc's own health service, in a process of its own. Prints its ports, plain and TLS.

python health_server.py CERTIFICATE_AND_KEY.pem
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

STATUSES = {
    "": health_pb2.HealthCheckResponse.SERVING,
    "orders": health_pb2.HealthCheckResponse.SERVING,
    "stopped": health_pb2.HealthCheckResponse.NOT_SERVING,
    "unsure": health_pb2.HealthCheckResponse.UNKNOWN,
}


def with_health() -> grpc.Server:
    servicer = health.HealthServicer()
    for service, status in STATUSES.items():
        servicer.set(service, status)
    server = grpc.server(ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return server


def main(pem: bytes) -> None:
    server = with_health()
    plain = server.add_insecure_port("127.0.0.1:0")
    secure = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(pem, pem)]))
    without_health = grpc.server(ThreadPoolExecutor(1))
    bare = without_health.add_insecure_port("127.0.0.1:0")
    server.start()
    without_health.start()
    print(plain, secure, bare, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_bytes())
