/** Numbers with a name in the task mailbox's ABI. */

/** `TaskMailbox.getTaskStatus`. */
export const TaskStatus = { none: 0, created: 1, verified: 2, expired: 3 } as const;
export type TaskStatus = (typeof TaskStatus)[keyof typeof TaskStatus];

/** `consensus.consensusType` of an executor operator set's task config. */
export const ConsensusType = { none: 0, stakeProportionThreshold: 1 } as const;
export type ConsensusType = (typeof ConsensusType)[keyof typeof ConsensusType];
