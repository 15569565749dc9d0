import type { ToolReturn } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { ToolStatus } from '@codegen/protocol/tool'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'

const validator = Compile(
  Type.Union([
    Type.String(),
    Type.Object({
      text: Type.String(),
      structured: Type.Optional(Type.Unknown()),
      status: Type.Optional(ToolStatus),
      isError: Type.Optional(Type.Boolean()),
      truncated: Type.Optional(Type.Boolean()),
      bytesTotal: Type.Optional(Type.Integer({ minimum: 0 })),
    }),
  ]),
)

/** What a foreign tool answered, checked. Fails with tool.failed. */
export function parseReturn(tool: string, returned: unknown): ToolReturn {
  if (validator.Check(returned)) return returned
  throw new Failure('tool.failed', `${tool} answered neither a text nor { text }; its author has to mend that.`)
}
