/** A figure as it was sampled; times in milliseconds. */
export type Sample = { readonly atMs: number; readonly value: number }

/** How much a figure may grow. Undefined: it is told and not judged. */
export type Bound = {
  /** From the first to the last sample, by the line that was fitted. */
  readonly growthMax: number
  /** Growth of an hour, however long it was looked at. */
  readonly perHourMax: number
}

/** What became of one figure. */
export type Judged = {
  readonly begin: number
  readonly end: number
  /** The slope of the line through all samples, and half the width of its 95 % confidence interval. */
  readonly perHour: number
  readonly perHourError: number
  readonly verdict: 'flat' | 'grows' | 'too few samples' | 'told'
}

const samplesMin = 8
const hourMs = 3_600_000
/** Samples at either end whose median stands for it. */
const endShare = 0.1

/**
 * Whether a figure is flat. It grows when even the lower end of its slope's confidence interval is above `perHourMax`, or when that is above zero and
 * the line grew by more than `growthMax` meanwhile. Noise alone is neither, and a figure that nobody sampled is not flat.
 */
export function judge(samples: readonly Sample[], bound: Bound | undefined): Judged {
  const values = samples.map(({ value }) => value)
  const share = Math.max(1, Math.round(values.length * endShare))
  const told = { begin: middle(values.slice(0, share)), end: middle(values.slice(-share)) }
  const { slope, error } = fitLine(samples)
  const figures = { ...told, perHour: slope * hourMs, perHourError: error * hourMs }
  if (!bound) return { ...figures, verdict: 'told' }
  if (samples.length < samplesMin || values.some((value) => !Number.isFinite(value)))
    return { ...figures, verdict: 'too few samples' }
  const lowest = figures.perHour - figures.perHourError
  const grown = slope * ((samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0))
  const grows = lowest > bound.perHourMax || (lowest > 0 && grown > bound.growthMax)
  return { ...figures, verdict: grows ? 'grows' : 'flat' }
}

/**
 * Least squares, and half a 95 % confidence interval of the slope. Neighbouring samples resemble one another, so the interval is made wider by as much
 * as their residuals are correlated: with the number of samples that would tell as much if each stood for itself.
 */
function fitLine(samples: readonly Sample[]): { slope: number; error: number } {
  const count = samples.length
  const meanAt = mean(samples.map(({ atMs }) => atMs))
  const meanValue = mean(samples.map(({ value }) => value))
  const spread = sum(samples.map(({ atMs }) => (atMs - meanAt) ** 2))
  if (count < 3 || spread === 0) return { slope: NaN, error: NaN }
  const slope = sum(samples.map(({ atMs, value }) => (atMs - meanAt) * (value - meanValue))) / spread
  const residuals = samples.map(({ atMs, value }) => value - meanValue - slope * (atMs - meanAt))
  const square = sum(residuals.map((residual) => residual ** 2))
  const correlation =
    square === 0 ? 0 : sum(residuals.slice(1).map((one, index) => one * (residuals[index] ?? 0))) / square
  const held = Math.min(Math.max(correlation, 0), correlationMax)
  const effective = Math.max(count * ((1 - held) / (1 + held)), 6)
  const variance = square / (effective - 2)
  return { slope, error: studentsT(effective - 2) * Math.sqrt(variance / ((spread / count) * effective)) }
}

const correlationMax = 0.9

/** The 97.5 % quantile of Student's distribution, to two per cent from four degrees of freedom on. */
function studentsT(degrees: number): number {
  const [z, d] = [1.96, degrees]
  return z + (z ** 3 + z) / (4 * d) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * d ** 2)
}

function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
