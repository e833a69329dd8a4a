import { lazy } from "react";
import { Route, Routes } from "react-router";
import { Layout } from "./components/Layout";
import { CheckMailPage } from "./pages/CheckMailPage";
import { CoursePage } from "./pages/CoursePage";
import { CoursesPage } from "./pages/CoursesPage";
import { LandingPage } from "./pages/LandingPage";
import { NotFoundPage } from "./pages/NotFoundPage";
import { SignInPage } from "./pages/SignInPage";
import { SignUpPage } from "./pages/SignUpPage";
import { VerifiedPage } from "./pages/VerifiedPage";

const LessonPage = lazy(() => import("./pages/LessonPage"));
const AdminPage = lazy(() => import("./pages/AdminPage"));

export function App() {
  return (
    <Routes>
      <Route element={<Layout />}>
        <Route index element={<LandingPage />} />
        <Route path="sign-up" element={<SignUpPage />} />
        <Route path="check-mail" element={<CheckMailPage />} />
        <Route path="verified" element={<VerifiedPage />} />
        <Route path="sign-in" element={<SignInPage />} />
        <Route path="courses" element={<CoursesPage />} />
        <Route path="courses/:course" element={<CoursePage />} />
        <Route path="courses/:course/lessons/:lesson" element={<LessonPage />} />
        <Route path="admin" element={<AdminPage />} />
        <Route path="*" element={<NotFoundPage />} />
      </Route>
    </Routes>
  );
}
