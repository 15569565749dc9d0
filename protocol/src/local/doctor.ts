import { Type } from 'typebox'
import { Check } from '#wire/check'
import { method } from './method.ts'

/** Looks at everything codegend and its Maestro need, side by side and within limits.doctorMsMax. Changes nothing. */
export const DaemonDoctor = method('daemon/doctor', {}, Type.Object({ checks: Type.Array(Check) }))
