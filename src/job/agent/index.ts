/** The agent: what runs when, and that it does. */
export { Agent, type AgentPorts, type LaunchedRun } from './agent.js';
export { AGENT_SOCKET, readAgentAnswer, readAgentRequest, type AgentAnswer, type AgentJob, type AgentRequest } from './messages.js';
export { Planner, type Cause, type Decision, type PlannedJob, type Standing } from './planner.js';
