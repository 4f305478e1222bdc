"""Manifests of agentgateway and the Gateway API, put into the configuration's own words.

Whatever they say becomes a document as an operator could have written it, with the places in the manifests. So loading,
checking, explaining and serving know nothing of manifests, and importing is writing that document down.
"""
