/** OpenAPI of one endpoint, from the inputs of the version that answers. */
import type { InputField } from '../../scoring/rows/fields.ts'
import type { LiveEndpoint } from '../traffic/live.ts'
import { askedOf, inputsOf } from '../protocols/oip.ts'
import { DATATYPE } from '../protocols/tensors.ts'

/** Types of JSON by kind of input; a missing value is null. */
const TYPES: Readonly<Record<InputField['kind'], object>> = {
  number: { type: ['number', 'null'], format: 'double' },
  integer: { type: ['integer', 'null'], format: 'int64' },
  boolean: { type: ['boolean', 'null'] },
  string: { type: ['string', 'null'] },
}

/** What texts of some types of a signature hold. */
const TEXTS: Readonly<Record<string, object>> = {
  datetime: { description: 'a time in ISO 8601' },
  binary: { contentEncoding: 'base64' },
}

/** Values for examples. */
const EXAMPLES: Readonly<Record<InputField['kind'], unknown>> = { number: 0.5, integer: 1, boolean: true, string: 'a' }
const TEXT_EXAMPLES: Readonly<Record<string, string>> = { datetime: '2026-01-01T00:00:00Z', binary: 'YQ==' }

function exampleOf({ kind, dtype }: InputField): unknown {
  return TEXT_EXAMPLES[dtype] ?? EXAMPLES[kind]
}

/** An OpenAPI 3.1 document of the endpoint's own protocol, MLflow's and the Open Inference Protocol's, ready to try. */
export function openApi(endpoint: LiveEndpoint): object {
  const { name, model } = endpoint.route
  const version = endpoint.stable?.route.version ?? '0'
  const inputs = askedOf(endpoint)
  // what a feature service would give may be brought all the same
  const filled = inputsOf(endpoint).filter(({ name }) => !inputs.some((one) => one.name === name))
  const row = Object.fromEntries(inputs.map((input) => [input.name, exampleOf(input)]))
  return {
    openapi: '3.1.0',
    info: { title: `Predictions of ${name}`, version, description: `Model ${model}, version ${version}.` },
    security: [{ token: [] }],
    paths: {
      [`/v1/endpoints/${encodeURIComponent(name)}:predict`]: {
        post: operation('Predict rows by input name', '#/components/schemas/Predict', { inputs: row }),
      },
      [`/endpoints/${encodeURIComponent(name)}/invocations`]: {
        post: operation('MLflow scoring', '#/components/schemas/Invocation', { dataframe_records: [row] }),
      },
      [`/v2/models/${encodeURIComponent(name)}/infer`]: {
        post: operation('Open Inference Protocol v2', '#/components/schemas/Infer', { inputs: inputs.map(tensorOf) }),
      },
    },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: schemasOf([...inputs, ...filled.map((input) => ({ ...input, required: false }))]),
    },
  }
}

function operation(summary: string, schema: string, example: object): object {
  const content = { 'application/json': { schema: { $ref: schema }, example } }
  const refusals = { '400': 'the request is wrong, and the message says how', '401': 'no valid token', '429': 'wait' }
  return {
    summary,
    requestBody: { required: true, content },
    responses: {
      '200': { description: 'predictions, one a row', content: { 'application/json': { schema: { type: 'object' } } } },
      ...Object.fromEntries(Object.entries(refusals).map(([status, description]) => [status, { description }])),
    },
  }
}

function tensorOf(input: InputField): object {
  return { name: input.name, datatype: DATATYPE[input.kind], shape: [1], data: [exampleOf(input)] }
}

function schemasOf(inputs: readonly InputField[]): object {
  const row = { $ref: '#/components/schemas/Row' }
  const rows = { type: 'array', items: row, minItems: 1 }
  const texts = { type: 'array', items: { type: 'string' } }
  return {
    Row: {
      type: 'object',
      properties: Object.fromEntries(
        inputs.map((input) => [input.name, { ...TYPES[input.kind], ...TEXTS[input.dtype] }]),
      ),
      required: inputs.filter((input) => input.required).map((input) => input.name),
    },
    Predict: {
      type: 'object',
      required: ['inputs'],
      additionalProperties: false,
      properties: {
        inputs: { oneOf: [row, rows] },
        id: { oneOf: [{ type: 'string' }, texts], description: 'ids of the predictions, by which labels are joined' },
        event_time: { description: 'RFC 3339, or milliseconds since 1970; one, or one a row' },
        routing_key: { type: ['string', 'number'] },
        params: { type: 'object' },
        explain: { type: 'boolean', description: 'answer with `explanations`: what each input adds to the raw score' },
        priority: { enum: ['low', 'normal', 'high'] },
        timeout_ms: { type: 'number', minimum: 1, maximum: 300_000 },
      },
    },
    Invocation: {
      type: 'object',
      description: 'exactly one of dataframe_split, dataframe_records, instances and inputs',
      properties: { dataframe_records: rows, params: { type: 'object', properties: { explain: { type: 'boolean' } } } },
    },
    Infer: {
      type: 'object',
      required: ['inputs'],
      properties: {
        id: { type: 'string' },
        parameters: { type: 'object', properties: { explain: { type: 'boolean' } } },
        inputs: {
          type: 'array',
          items: {
            type: 'object',
            required: ['name', 'datatype', 'shape', 'data'],
            properties: {
              name: { type: 'string' },
              datatype: { type: 'string' },
              shape: { type: 'array', items: { type: 'integer' } },
              data: { type: 'array' },
            },
          },
        },
      },
    },
  }
}
