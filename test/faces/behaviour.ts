// The behaviour suite: what a host gets from the gateway, the same in every framework.
import { describe } from 'vitest'
import { budgets } from './behaviour-budgets.ts'
import { captures } from './behaviour-captures.ts'
import { coexists } from './behaviour-coexists.ts'
import { forwards } from './behaviour-forwards.ts'
import { guards } from './behaviour-guards.ts'
import { guardsTwice } from './behaviour-guards-twice.ts'
import { tellsErrors } from './behaviour-errors.ts'
import { answersUnread } from './behaviour-unread.ts'
import type { Face } from './face.ts'

export function behaveAsPromised(face: Face): void {
  describe(`${face.name} forwards`, () => forwards(face))
  describe(`${face.name} guards`, () => guards(face))
  describe(`${face.name} guards a route of a guarded router`, () => guardsTwice(face))
  describe(`${face.name} opens budgets`, () => budgets(face))
  describe(`${face.name} captures`, () => captures(face))
  describe(`${face.name} tells errors`, () => tellsErrors(face))
  describe(`${face.name} answers unread bodies`, () => answersUnread(face))
  describe(`${face.name} coexists`, () => coexists(face))
}
