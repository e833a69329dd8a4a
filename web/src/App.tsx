import { lazy } from "react";
import { Route, Routes } from "react-router";
import { Layout } from "./components/Layout";
import { AccountDeletedPage } from "./pages/AccountDeletedPage";
import { CheckMailPage } from "./pages/CheckMailPage";
import { CoursePage } from "./pages/CoursePage";
import { CoursesPage } from "./pages/CoursesPage";
import { ForgotPasswordPage } from "./pages/ForgotPasswordPage";
import { LandingPage } from "./pages/LandingPage";
import { NotFoundPage } from "./pages/NotFoundPage";
import { ResetPasswordPage } from "./pages/ResetPasswordPage";
import { SignInPage } from "./pages/SignInPage";
import { SignedOutPage } from "./pages/SignedOutPage";
import { SignUpPage } from "./pages/SignUpPage";
import { VerifiedPage } from "./pages/VerifiedPage";

const LessonPage = lazy(() => import("./pages/LessonPage"));
const AccountPage = lazy(() => import("./pages/AccountPage"));
const AdminUsersPage = lazy(() => import("./pages/AdminUsersPage"));
const AdminPage = lazy(() => import("./pages/AdminPage"));
const AdminApplicationsPage = lazy(() => import("./pages/AdminApplicationsPage"));
const ConsentPage = lazy(() => import("./pages/ConsentPage"));
const DevicePage = lazy(() => import("./pages/DevicePage"));
const OAuthLogoutPage = lazy(() => import("./pages/OAuthLogoutPage"));
const OAuthErrorPage = lazy(() => import("./pages/OAuthErrorPage"));

export function App() {
  return (
    <Routes>
      <Route element={<Layout />}>
        <Route index element={<LandingPage />} />
        <Route path="sign-up" element={<SignUpPage />} />
        <Route path="check-mail" element={<CheckMailPage />} />
        <Route path="verified" element={<VerifiedPage />} />
        <Route path="sign-in" element={<SignInPage />} />
        <Route path="forgot-password" element={<ForgotPasswordPage />} />
        <Route path="reset-password" element={<ResetPasswordPage />} />
        <Route path="account" element={<AccountPage />} />
        <Route path="account/deleted" element={<AccountDeletedPage />} />
        <Route path="courses" element={<CoursesPage />} />
        <Route path="courses/:course" element={<CoursePage />} />
        <Route path="courses/:course/lessons/:lesson" element={<LessonPage />} />
        <Route path="admin" element={<AdminPage />} />
        <Route path="admin/users" element={<AdminUsersPage />} />
        <Route path="admin/applications" element={<AdminApplicationsPage />} />
        <Route path="signed-out" element={<SignedOutPage />} />
        <Route path="device" element={<DevicePage />} />
        <Route path="oauth/consent" element={<ConsentPage />} />
        <Route path="oauth/logout" element={<OAuthLogoutPage />} />
        <Route path="oauth/error" element={<OAuthErrorPage />} />
        <Route path="*" element={<NotFoundPage />} />
      </Route>
    </Routes>
  );
}
