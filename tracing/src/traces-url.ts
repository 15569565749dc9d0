import { Failure } from '@codegen/protocol/failure'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Where spans are sent as OTLP over HTTP, by the variables OpenTelemetry gives for that; undefined: nowhere. Fails with config.invalid where it is no
 * address.
 */
export function findTracesUrl(environment: Environment): string | undefined {
  if (environment['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || environment['OTEL_TRACES_EXPORTER'] === 'none')
    return undefined
  const own = environment['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']
  if (own) return toUrl('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', own).href
  const common = environment['OTEL_EXPORTER_OTLP_ENDPOINT']
  if (!common) return undefined
  const url = toUrl('OTEL_EXPORTER_OTLP_ENDPOINT', common)
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`
  return url.href
}

function toUrl(name: string, text: string): URL {
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) return new URL(text)
  throw new Failure('config.invalid', `${name} must be a URL such as http://127.0.0.1:4318, not "${text}".`)
}
