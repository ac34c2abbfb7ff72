/** Python packages of the clients that call a gateway in tests. */

/** NVIDIA's client of the Open Inference Protocol. */
export const TRITON_CLIENT = ['tritonclient[http,grpc]', 'geventhttpclient', 'grpcio', 'aiohttp', 'numpy'] as const
