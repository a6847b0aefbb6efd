// SPDX-License-Identifier: Apache-2.0
// Starts the console.
import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';

mount(App, { target: document.getElementById('app')! });
