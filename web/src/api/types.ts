/** The answers of /api/v1 that the app reads. Times are ISO 8601 in UTC. */

export interface CourseSummary {
  id: string;
  slug: string;
  title: string;
  description: string;
  stage_count: number;
  lesson_count: number;
  enrolled: boolean;
}

export interface LessonSummary {
  slug: string;
  title: string;
  number: string | null;
  completed: boolean;
  locked: boolean;
  exercise_count: number;
}

export interface Stage {
  ordinal: number;
  title: string;
  unlocked: boolean;
  unlocks_when: string | null;
  lessons: LessonSummary[];
}

export interface Progress {
  completed: number;
  total: number;
}

export interface Course {
  id: string;
  slug: string;
  title: string;
  description: string;
  enrolled: boolean;
  unlock: "sequential" | "open";
  stages: Stage[];
  progress: Progress;
  next_lesson: string | null;
}

export interface Heading {
  level: number;
  text: string;
  anchor: string;
}

export interface Exercise {
  id: string;
  title: string;
}

export interface Lesson {
  slug: string;
  title: string;
  number: string | null;
  course: { slug: string; title: string };
  stage: { ordinal: number; title: string };
  html: string;
  headings: Heading[];
  exercises: Exercise[];
  prev: { slug: string; title: string } | null;
  next: { slug: string; title: string; locked: boolean } | null;
  completed: boolean;
}

export interface Completion {
  completed: true;
  unlocked_stage: { ordinal: number; title: string } | null;
  progress: Progress;
}

export interface Quota {
  /** Null: exempt. */
  limit: number | null;
  remaining: number | null;
  /** When the next message becomes free; null when nothing is used. */
  resets_at: string | null;
}

export interface AuthEvent {
  store: string;
  position: number;
  at: string;
  type: string;
  user_id: string | null;
  email: string | null;
  ip: string | null;
  user_agent: string | null;
  detail: unknown;
  trace_id: string | null;
}

export interface AuthEventPage {
  events: AuthEvent[];
  before: number | null;
}

export interface UsageDay {
  day: string;
  user_id: string;
  messages: number;
  completed: number;
  failed: number;
  error_rate: number;
  mean_response_ms: number | null;
  p95_response_ms: number | null;
  mean_ttft_ms: number | null;
  p95_ttft_ms: number | null;
  tokens_in: number;
  tokens_out: number;
}
